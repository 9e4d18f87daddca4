"""What staff ask about something that was sent in: shown in the chat, answered there, added to it.

What staff ask is shown only on a channel that takes the form itself; elsewhere the way to it is told.
"""

from dataclasses import replace

from bot import choices, menus
from bot.command_phrases import exact, read_command
from bot.scene import Outcome, Scene, outcome
from bot.sent import found_by, status
from bot.sent.remembered import Sent
from bot.text import MAX_CHARACTERS, mask_personnummer
from bot.turn import Account, Choice, Reply
from storage.additions import Addition, Request

COMPLETE = "complete"
"""The command; with a reference and a request's number what is waited for after it."""
LOOKED_AT = 5
"""Of what was sent in last, so much is looked through for questions when the chat is opened."""
_LATER = frozenset({"cancel", "back", "skip", "save"})
_BESIDE = frozenset({"human", "help", "language", "my_data", "status", "who_reads", "about_bot", "restart", "why"})


def complete(scene: Scene, detail: str) -> Outcome:
    """Show what staff ask about the reference in `detail`, and wait for the answer; "later" leaves it."""
    reference, _, later = detail.partition(":")
    if later:
        return _left(scene)
    own = [one for one in scene.state.sent if not reference or one.reference == reference]
    asked = next(((one, requests[0]) for one in own if (requests := scene.tools.requests_of(one.reference))), None)
    if asked is None:
        return menus.offer(scene, scene.say("complete.nothing"), menus.start_choices(scene), _account())
    return _ask(scene, *asked)


def _ask(scene: Scene, one: Sent, request: Request, thanks: str = "") -> Outcome:
    say = scene.say
    if one.form_id not in menus.forms_here(scene):
        text = say("complete.elsewhere", address=scene.tools.web_address or say("complete.web_chat"))
        return menus.offer(scene, text, (choices.command("human", say("menu.human")),), _account())
    day = request.asked_at.date().isoformat()
    title = status.title(scene, one.form_id)
    parts = [thanks, say("complete.asked", form=title, date=day), f"”{request.text}”", say("complete.how")]
    waiting = scene.remember(pending=f"{COMPLETE}:{one.reference}:{request.id}")
    later = (choices.command(COMPLETE, say("complete.later"), f"{one.reference}:later"),)
    return menus.offer(waiting, "\n\n".join(part for part in parts if part), later, _account())


def answer(awaited: str | None, scene: Scene, text: str) -> Outcome | None:
    """A text while an answer to staff is waited for; None when it is not, or the text is another command."""
    if awaited is None or not awaited.startswith(f"{COMPLETE}:"):
        return None
    said = read_command(text)
    name = exact(text) or (said.name if said else None)
    if name in _LATER:
        return _left(scene)
    return None if name in _BESIDE else taken(awaited, scene, text)


def taken(awaited: str, scene: Scene, text: str) -> Outcome:
    """The answer goes to staff, and the next question is asked if there is one."""
    _, reference, number = awaited.split(":")
    requests = scene.tools.requests_of(reference)
    one = next((sent for sent in scene.state.sent if sent.reference == reference), None)
    request = next((request for request in requests if str(request.id) == number), None)
    if request is None or one is None:
        return menus.offer(scene, scene.say("complete.nothing"), menus.start_choices(scene), _account())
    if scene.turn.channel == "telegram":
        text, _ = mask_personnummer(text)
    text = text[:MAX_CHARACTERS]
    places = [place.name for place in scene.tools.library.municipalities]
    who = found_by.told(text, scene.language, scene.today, places)
    effects = (Addition(reference, request.id, text, None, who.names, who.numbers),)
    thanks = scene.say("complete.thanks", form=status.title(scene, one.form_id))
    further = [other for other in requests if other.id != request.id]
    if further:
        done = _ask(scene, one, further[0], thanks)
        return Outcome(done.replies, done.state, done.draft, done.account, effects=effects)
    buttons = menus.start_choices(scene)
    return outcome(scene.remember(offered=buttons), Reply(thanks, buttons), account=_account(), effects=effects)


def waiting(scene: Scene) -> Sent | None:
    """The latest of what was sent in from here about which staff ask something."""
    recent = scene.state.sent[-LOOKED_AT:]
    return next((one for one in reversed(recent) if scene.tools.requests_of(one.reference)), None)


def notice(scene: Scene) -> tuple[Reply, ...]:
    """That staff ask something, with the button to read it; nothing when they do not."""
    one = waiting(scene)
    if one is None:
        return ()
    buttons: tuple[Choice, ...] = (choices.command(COMPLETE, scene.say("complete.read"), one.reference),)
    return (Reply(scene.say("complete.notice"), buttons),)


def after_crisis(scene: Scene, crisis: Outcome, answered: Outcome) -> Outcome:
    """Danger in an answer to staff: what to do now comes first, and that nobody reads the answer at once."""
    told = tuple(replace(reply, choices=()) for reply in crisis.replies)
    return replace(answered.before(*told, Reply(scene.say("complete.danger"))), account=crisis.account)


def _left(scene: Scene) -> Outcome:
    return menus.offer(scene.remember(pending=None), scene.say("complete.left"), menus.start_choices(scene), _account())


def _account() -> Account:
    return Account("control", command=COMPLETE)
