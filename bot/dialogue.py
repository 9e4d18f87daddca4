"""respond(turn): one message in, replies out, on every channel – the steps in order.

`Dialogue.respond` is the only place that reads and writes storage for a resident. Everything it calls takes values and
gives values, so the same steps serve `kontakt ask`, which stores nothing.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import structlog

from bot import arrivals, awaiting, choices, commands, menus, reading, reminding, safety, taps, unsaved, wishes
from bot.baton import reading as baton_reading
from bot.command_phrases import exact, read_command
from bot.form import asking as form_asking
from bot.form import sibling as form_sibling
from bot.scene import Outcome, Scene, State, Tools
from bot.sent import completing
from bot.text import MAX_CHARACTERS, clean, has_words
from bot.turn import Response, Turn
from bot.understanding import in_language
from storage import conversations
from storage.conversations import Conversation, ConversationChangedError
from storage.database import Database, DatabaseUnavailableError
from storage.deliveries import Outgoing

ATTEMPTS = 5
"""How often a turn is worked out anew when another process changed the conversation meanwhile."""
LOCKS = 64
OTHER_CONTENT = ("media", "edited")

logger = structlog.get_logger()
Step = Callable[[Scene, str], Outcome | None]


class Dialogue:
    """The conversation with residents: `tools` to answer with, `database` to remember in."""

    def __init__(self, tools: Tools, database: Database) -> None:
        self.tools = tools
        self.database = database
        self._locks = tuple(threading.Lock() for _ in range(LOCKS))

    def respond(self, turn: Turn) -> Response:
        """The response to a turn, saved before it is returned. A message handled before gets the same response.

        While the database is away, who waits for the reply gets it unsaved, and is told. Raises
        storage.database.DatabaseError for a turn whose replies are pushed (it stays in the inbox) and for a database
        that cannot be used at all, and ConversationChangedError when other processes kept changing the conversation;
        nothing is half-written then.
        """
        try:
            return self._respond(turn)
        except DatabaseUnavailableError as error:
            if turn.reply_to is not None:
                raise
            logger.error("turn.unsaved", channel=turn.channel, reason=str(error))
            return unsaved.respond(turn, self.tools, decide)

    def missed(self, channel: str, sender: str, message_id: str) -> Response | None:
        """The response to a message handled before, for who never saw it; None for a message that is not known and for
        one whose response is not kept. Saves nothing. Raises storage.database.DatabaseError."""
        earlier = conversations.handled(self.database, channel, sender, message_id)
        return Response.from_json(earlier) if earlier else None

    def _respond(self, turn: Turn) -> Response:
        with self._locks[hash((turn.channel, turn.sender)) % LOCKS]:
            for _ in range(ATTEMPTS):
                earlier = conversations.handled(self.database, turn.channel, turn.sender, turn.message_id)
                if earlier:
                    return Response.from_json(earlier)
                before = conversations.find(self.database, turn.channel, turn.sender)
                if earlier is not None:
                    return self._as_it_stands(turn, before)
                scene = Scene(turn, State.from_json(before.state), before.draft, self.tools)
                done = reminding.reachable(scene, decide(scene))
                if _only_looked(turn, before):
                    return form_asking.response_of(self.tools, turn, done)
                try:
                    return self._save(turn, before, done)
                except ConversationChangedError:
                    continue
        raise ConversationChangedError

    def remind(self, channel: str, at: datetime | None = None) -> int:
        """Put in the outbox what is to be written to residents of a channel first; how many lines.

        Raises storage.database.DatabaseError and ConversationChangedError; what was written before that stays.
        """
        written = 0
        for turn in reminding.turns(self.tools, self.database, channel, at or datetime.now(UTC)):
            written += len(self._respond(turn).replies)
        return written

    def _as_it_stands(self, turn: Turn, now: Conversation) -> Response:
        """For a message handled so long ago that its response is gone: where the conversation is, saving nothing."""
        opened = replace(turn, text=None, choice=None, other=None, start=True)
        scene = Scene(opened, State.from_json(now.state), now.draft, self.tools)
        return form_asking.response_of(self.tools, opened, decide(scene))

    def _save(self, turn: Turn, before: Conversation, done: Outcome) -> Response:
        response = form_asking.response_of(self.tools, turn, done)
        stored = response.to_json()
        conversations.save(
            self.database,
            before,
            replace(before, state=done.state.to_json(), draft=done.draft),
            message_id=turn.message_id,
            response=stored,
            at=turn.received_at,
            submission=done.submission,
            missed=done.missed,
            effects=done.effects,
            outbox=[Outgoing(turn.reply_to, reply) for reply in stored["replies"]] if turn.reply_to else [],
        )
        return response


def _only_looked(turn: Turn, before: Conversation) -> bool:
    """Whether somebody (or a crawler) just opened the page: nothing is stored; the page keeps the municipality."""
    return turn.start and before.version == 0 and turn.channel == "web"


def decide(scene: Scene) -> Outcome:
    """What one turn comes to. Nothing is read or written here but through `scene.tools`."""
    if scene.turn.other == reminding.REMINDER:
        return reminding.remind(scene)
    stored, awaited, scene = scene, scene.state.pending, _settle(baton_reading.renewed(scene))
    if scene.turn.carried is not None:
        return arrivals.arrived(scene)
    if scene.turn.start:
        done = form_asking.resume(scene) if scene.draft else menus.welcome(scene)
        done = done.before(*completing.notice(scene))
        return baton_reading.kept(stored, scene, done)
    done = baton_reading.kept(stored, scene, _decide(awaited, scene))
    return done if scene.state.greeted or scene.turn.channel != "telegram" else menus.introduced(scene, done)


def _decide(awaited: str | None, scene: Scene) -> Outcome:
    if scene.turn.other in OTHER_CONTENT:
        return taps.again(scene, scene.say(f"out.{scene.turn.other}"))
    if scene.turn.choice is not None:
        return taps.tapped(scene, scene.turn.choice)
    text = clean(scene.turn.text or "")
    steps: tuple[Step, ...] = (
        _unreadable,
        _typed_choice,
        partial(_danger, awaited),
        partial(completing.answer, awaited),
        _typed_command,
        partial(awaiting.answer, awaited),
        _said_command,
        reading.in_form,
        wishes.answer,
    )
    found = (step(scene, text) for step in steps)
    return next(done for done in found if done is not None)


def _settle(scene: Scene) -> Scene:
    """Municipality from the link or the setting; a draft whose form is no longer offered is let go.

    What the bot asked is waited for during one turn; a municipality for a form until it is given. An open form stays
    with the municipality that it goes to, whatever a link says.
    """
    tools, named = scene.tools, scene.turn.municipality
    known = {place.id for place in tools.library.municipalities}
    if named in known and scene.draft is None:
        scene = scene.remember(municipality=named)
    elif scene.state.municipality not in known:
        scene = scene.remember(municipality=tools.default_municipality)
    scene = form_sibling.without_old(scene)
    if not (scene.state.pending or "").startswith(awaiting.FOR_A_FORM):
        scene = scene.remember(pending=None)
    return scene if scene.form else scene.with_draft(None)


def _unreadable(scene: Scene, text: str) -> Outcome | None:
    """Nothing to read, or too much."""
    if has_words(text) and len(text) <= MAX_CHARACTERS:
        return None
    if text.strip() == "?":
        return commands.run(scene, "help")
    if len(text) > MAX_CHARACTERS:
        said = scene.say("out.long", limit=MAX_CHARACTERS)
    else:
        said = scene.say("out.symbols") if text else scene.say("out.empty")
    return taps.again(scene, said)


def _typed_choice(scene: Scene, text: str) -> Outcome | None:
    """The label of a button that is showing, typed instead of tapped."""
    choice = choices.match_label(text, scene.state.offered or menus.start_choices(scene))
    return taps.tapped(scene, choice.id) if choice else None


def _danger(awaited: str | None, scene: Scene, text: str) -> Outcome | None:
    """Danger first, by the phrase list; inside a form the answer is still taken, and so is an answer to staff."""
    kind = safety.load_phrases().kind_of(text)
    if kind is None:
        return None
    done = safety.crisis(in_language(scene, text), kind, text=text)
    answered = completing.answer(awaited, scene, text)
    if answered:
        return completing.after_crisis(scene, done, answered)
    return reading.crisis_in_form(scene, text, done) if scene.draft else done


def _typed_command(scene: Scene, text: str) -> Outcome | None:
    """A command that is the whole message."""
    name = exact(text)
    if name is None or (scene.draft and reading.is_a_name_here(scene, text)):
        return None
    return reading.command_in_form(scene, name) if scene.draft else commands.run(scene, name)


def _said_command(scene: Scene, text: str) -> Outcome | None:
    """A message that is nothing but a command, in one of the many ways to say it."""
    if scene.draft:
        return reading.said_in_form(scene, text)
    said = read_command(text)
    return commands.run(in_language(scene, text), said.name, said.detail) if said else None
