"""A button, from now or from long ago: done, or said that it is done already. It never answers another's question."""

from collections.abc import Callable

from bot import answering, awaiting, choices, commands, menus, reading
from bot.baton import states as baton_states
from bot.baton import view as baton_view
from bot.form import asking as form_asking
from bot.form import filling as form_filling
from bot.form import opening as form_opening
from bot.form import proposed as form_proposed
from bot.form import sending as form_sending
from bot.form import sibling as form_sibling
from bot.scene import Outcome, Scene
from bot.text import clean
from bot.turn import Account, Reply

WAITING_FOR_MORE = frozenset({"restart", "my_data", "municipality", "complete", "withdraw"})
"""Commands after which an open form is not asked on at once."""


def again(scene: Scene, said: str) -> Outcome:
    """Say something, and show again what the resident was at."""
    if scene.draft:
        return form_asking.ask(scene, Account("control")).before(Reply(said))
    return menus.offer(scene, said, menus.start_choices(scene))


def tapped(scene: Scene, choice_id: str) -> Outcome:
    """A button, from now or from long ago."""
    tap = choices.read_tap(choice_id)
    if tap is None:
        offered = choices.match_label(clean(choice_id), scene.state.offered)
        tap = choices.read_tap(offered.id) if offered else None
    if tap is None:
        return again(scene, scene.say("out.unknown_choice"))
    done = _TAPS[tap.kind](scene, tap)
    return done or again(scene, scene.say("out.unknown_choice"))


def _tap_command(scene: Scene, tap: choices.Tap) -> Outcome | None:
    done = commands.run(scene, tap.field(0), ":".join(tap.fields[1:]))
    if done is None or not done.draft or tap.field(0) in WAITING_FOR_MORE:
        return done
    return reading.and_ask_again(scene, done)


def _tap_topic(scene: Scene, tap: choices.Tap) -> Outcome | None:
    topic, service = tap.field(0), tap.field(1)
    if topic not in scene.tools.library.vocabulary.topics or service not in scene.tools.library.vocabulary.services:
        return None
    return reading.and_ask_again(scene, answering.about(scene, topic, (service,)))


def _tap_service(scene: Scene, tap: choices.Tap) -> Outcome | None:
    known = tap.field(0) in scene.tools.library.vocabulary.services
    if not known:
        return None
    done = menus.service_menu(scene, tap.field(0), everything=bool(tap.field(1)))
    return reading.and_ask_again(scene, done, keep_buttons=True)


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
        return form_sibling.tapped(scene, token, action) or _closed(scene, token)
    return form_proposed.act(scene, detail) if action == "proposal" else form_filling.act(scene, action, detail)


def _tap_baton(scene: Scene, tap: choices.Tap) -> Outcome | None:
    action, token, number = tap.field(0), tap.field(1), tap.field(2)
    return baton_states.renew_link(scene, token, number) if action == "link" else None


def _closed(scene: Scene, token: str) -> Outcome:
    """A button of a form that is sent, cancelled, or another conversation's."""
    handed_over, sent_as = baton_states.closed(scene, token), baton_view.sent_as(scene, token)
    return handed_over or form_sending.already_sent(scene, sent_as) or again(scene, scene.say("out.stale"))


_TAPS: dict[str, Callable[[Scene, choices.Tap], Outcome | None]] = {
    "c": _tap_command,
    "t": _tap_topic,
    "s": _tap_service,
    "m": _tap_municipality,
    "f": _tap_form,
    "a": _tap_answer,
    "d": _tap_action,
    "b": _tap_baton,
}
