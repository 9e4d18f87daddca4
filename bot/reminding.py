"""What a channel may write without being written to: that a draft is near its end, that staff ask something.

One neutral line each, once, by day, without a word of what it is about: others may see the telephone. Only where
replies are pushed, and only to whom a reply is owed: with a form open here, or something sent in from here.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from bot import choices
from bot.scene import STOCKHOLM, Outcome, Scene, State, Tools, outcome
from bot.sent import completing
from bot.turn import Account, Reply, Turn
from storage.conversation_rounds import conversations_of
from storage.database import Database

REMINDER = "reminder"
"""`Turn.other` of a turn that nobody wrote."""
DAYS_BEFORE = 3
"""So many days before the last one a draft is reminded of; nothing is said of drafts that are kept for less than
twice as long."""
FIRST_HOUR, LAST_HOUR = 9, 19
"""Swedish time: nobody is written to at night."""
MOST_TOLD = 20


def reachable(scene: Scene, done: Outcome) -> Outcome:
    """The outcome of a turn that somebody wrote, with where they can be written to while that is owed."""
    turn = scene.turn
    if turn.reply_to is None or turn.other == REMINDER:
        return done
    owed = done.draft is not None or bool(done.state.sent)
    reach = (turn.sender, turn.reply_to) if owed else None
    return replace(done, state=replace(done.state, reach=reach))


def turns(tools: Tools, database: Database, channel: str, at: datetime) -> Iterator[Turn]:
    """A turn for each conversation of a channel in which there is something to say now. Raises DatabaseError."""
    if not FIRST_HOUR <= at.astimezone(STOCKHOLM).hour < LAST_HOUR:
        return
    for found in conversations_of(database, channel):
        state = State.from_json(found.state)
        if state.reach is None:
            continue
        sender, recipient = state.reach
        turn = Turn(channel, sender, "", received_at=at, reply_to=recipient, other=REMINDER)
        what = _what(Scene(turn, state, found.draft, tools))
        if what:
            yield replace(turn, message_id=what)


def remind(scene: Scene) -> Outcome:
    """The line that is due, remembered as said; nothing when it is due no more."""
    what = _what(scene)
    if what is None:
        return outcome(scene)
    say = scene.say
    told = scene.remember(told=(*scene.state.told, what)[-MOST_TOLD:])
    if what.startswith("draft:"):
        until = scene.tools.kept(scene.draft, scene.turn.received_at)["drafts"]
        return outcome(told, Reply(say("reminder.draft", date=until)), account=Account("control", command=REMINDER))
    show = (choices.command("my_data", say("reminder.show")),)
    shown = told.remember(offered=(*show, *scene.state.offered))
    return outcome(shown, Reply(say("complete.push"), show), account=Account("control", command=REMINDER))


def _what(scene: Scene) -> str | None:
    """What there is to say and has not been said, by a name that is the same every time; None: nothing."""
    ending = _draft_ending(scene)
    if ending:
        return ending
    recent = (one.reference for one in scene.state.sent[-completing.LOOKED_AT :])
    asked = (f"request:{request.id}" for reference in recent for request in scene.tools.requests_of(reference))
    return next((name for name in asked if name not in scene.state.told), None)


def _draft_ending(scene: Scene) -> str | None:
    draft = scene.draft
    until = scene.tools.kept(draft, scene.turn.received_at).get("drafts") if draft else None
    if draft is None or until is None:
        return None
    kept_for = (until - draft.updated_at.astimezone(STOCKHOLM).date()).days
    left = (until - scene.today).days
    name = f"draft:{draft.token}:{until.isoformat()}"
    near = 0 <= left <= DAYS_BEFORE and kept_for >= 2 * DAYS_BEFORE
    return name if near and not any(one.startswith(f"draft:{draft.token}:") for one in scene.state.told) else None
