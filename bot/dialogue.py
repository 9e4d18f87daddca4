"""respond(turn): one message in, replies out, on every channel – the steps in order.

`Dialogue.respond` is the only place that reads and writes storage for a resident. Everything it calls takes values and
gives values, so the same steps serve `kontakt ask`, which stores nothing.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from bot import (
    answering,
    awaiting,
    choices,
    commands,
    form_asking,
    form_filling,
    form_opening,
    form_sending,
    menus,
    reading,
    safety,
    unsaved,
    wishes,
)
from bot.scene import Outcome, Scene, State, Tools
from bot.text import MAX_CHARACTERS, clean, has_words
from bot.turn import Account, Reply, Response, Turn
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

    def _respond(self, turn: Turn) -> Response:
        with self._locks[hash((turn.channel, turn.sender)) % LOCKS]:
            for _ in range(ATTEMPTS):
                earlier = conversations.handled(self.database, turn.channel, turn.sender, turn.message_id)
                if earlier:
                    return Response.from_json(earlier)
                before = conversations.find(self.database, turn.channel, turn.sender)
                if earlier is not None:
                    return self._as_it_stands(turn, before)
                done = decide(Scene(turn, State.from_json(before.state), before.draft, self.tools))
                if _only_looked(turn, before):
                    return form_asking.response_of(self.tools, turn, done)
                try:
                    return self._save(turn, before, done)
                except ConversationChangedError:
                    continue
        raise ConversationChangedError

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
            outbox=[Outgoing(turn.reply_to, reply) for reply in stored["replies"]] if turn.reply_to else [],
        )
        return response


def _only_looked(turn: Turn, before: Conversation) -> bool:
    """Whether somebody (or a crawler) just opened the page: nothing is stored; the page keeps the municipality."""
    return turn.start and before.version == 0 and turn.channel == "web"


def decide(scene: Scene) -> Outcome:
    """What one turn comes to. Nothing is read or written here but through `scene.tools`."""
    awaited, scene = scene.state.pending, _settle(scene)
    if scene.turn.start:
        return form_asking.resume(scene) if scene.draft else menus.welcome(scene)
    done = _decide(awaited, scene)
    return done if scene.state.greeted or scene.turn.channel != "telegram" else menus.introduced(scene, done)


def _decide(awaited: str | None, scene: Scene) -> Outcome:
    if scene.turn.other in OTHER_CONTENT:
        return _again(scene, scene.say(f"out.{scene.turn.other}"))
    if scene.turn.choice is not None:
        return _tapped(scene, scene.turn.choice)
    text = clean(scene.turn.text or "")
    steps: tuple[Step, ...] = (
        _unreadable,
        _typed_choice,
        _danger,
        _typed_command,
        partial(awaiting.answer, awaited),
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
    return _again(scene, said)


def _again(scene: Scene, said: str) -> Outcome:
    """Say something, and show again what the resident was at."""
    if scene.draft:
        return form_asking.ask(scene, Account("control")).before(Reply(said))
    return menus.offer(scene, said, menus.start_choices(scene))


def _typed_choice(scene: Scene, text: str) -> Outcome | None:
    """The label of a button that is showing, typed instead of tapped."""
    choice = choices.match_label(text, scene.state.offered or menus.start_choices(scene))
    return _tapped(scene, choice.id) if choice else None


def _danger(scene: Scene, text: str) -> Outcome | None:
    """Danger first, by the phrase list; inside a form the answer is still taken."""
    kind = safety.load_phrases().kind_of(text)
    if kind is None:
        return None
    done = safety.crisis(in_language(scene, text), kind, text=text)
    return reading.crisis_in_form(scene, text, done) if scene.draft else done


def _typed_command(scene: Scene, text: str) -> Outcome | None:
    """A command that is the whole message."""
    name = commands.exact(text)
    if name is None:
        return None
    return reading.command_in_form(scene, name) if scene.draft else commands.run(scene, name)


def _tapped(scene: Scene, choice_id: str) -> Outcome:
    """A button, from now or from long ago."""
    tap = choices.read_tap(choice_id)
    if tap is None:
        offered = choices.match_label(clean(choice_id), scene.state.offered)
        tap = choices.read_tap(offered.id) if offered else None
    if tap is None:
        return _again(scene, scene.say("out.unknown_choice"))
    done = _TAPS[tap.kind](scene, tap)
    return done or _again(scene, scene.say("out.unknown_choice"))


def _tap_command(scene: Scene, tap: choices.Tap) -> Outcome | None:
    done = commands.run(scene, tap.field(0), tap.field(1))
    if done is None or not done.draft or tap.field(0) in ("restart", "my_data", "municipality"):
        return done
    return reading.and_ask_again(scene, done)


def _tap_topic(scene: Scene, tap: choices.Tap) -> Outcome | None:
    topic, service = tap.field(0), tap.field(1)
    if topic not in scene.tools.library.vocabulary.topics or service not in scene.tools.library.vocabulary.services:
        return None
    return reading.and_ask_again(scene, answering.about(scene, topic, (service,)))


def _tap_service(scene: Scene, tap: choices.Tap) -> Outcome | None:
    known = tap.field(0) in scene.tools.library.vocabulary.services
    return menus.service_menu(scene, tap.field(0), everything=bool(tap.field(1))) if known else None


def _tap_municipality(scene: Scene, tap: choices.Tap) -> Outcome | None:
    if tap.field(0) not in {place.id for place in scene.tools.library.municipalities}:
        return None
    return awaiting.chosen_municipality(scene, tap.field(0))


def _tap_form(scene: Scene, tap: choices.Tap) -> Outcome | None:
    known = tap.field(0) in scene.tools.forms
    return form_opening.start(scene, tap.field(0), tap.field(1)) if known else None


def _tap_answer(scene: Scene, tap: choices.Tap) -> Outcome | None:
    token, slot, value = tap.field(0), tap.field(1), tap.field(2)
    if scene.draft is None or scene.draft.token != token:
        return _closed(scene, token)
    return form_filling.take_choice(scene, slot, value)


def _tap_action(scene: Scene, tap: choices.Tap) -> Outcome | None:
    token, action, detail = tap.field(0), tap.field(1), tap.field(2)
    if scene.draft is None or scene.draft.token != token:
        return _closed(scene, token)
    return form_filling.act(scene, action, detail)


def _closed(scene: Scene, token: str) -> Outcome:
    """A button of a form that is sent, cancelled, or another conversation's."""
    return form_sending.already_sent(scene, token) or _again(scene, scene.say("out.stale"))


_TAPS: dict[str, Callable[[Scene, choices.Tap], Outcome | None]] = {
    "c": _tap_command,
    "t": _tap_topic,
    "s": _tap_service,
    "m": _tap_municipality,
    "f": _tap_form,
    "a": _tap_answer,
    "d": _tap_action,
}
