"""Filling in an open form, one question at a time: take an answer, skip, go back, change, cancel."""

from collections.abc import Callable
from dataclasses import replace

from bot import choices, commands, menus
from bot.form_asking import ask, journey_of, open_question, resume, ticks
from bot.form_opening import start
from bot.form_sending import submit
from bot.safety import contact_lines
from bot.scene import Outcome, Scene
from bot.text import folded
from bot.turn import Account, Reply
from forms.answer_error import AnswerError
from forms.answer_types import read, read_choice, show
from forms.conditions import Value
from forms.form import Question, Texts, in_language


def take_text(scene: Scene, question: Question, text: str) -> Outcome:
    """Read a typed answer to `question` and go on. Raises AnswerError, with nothing changed, when it cannot be read."""
    return take(scene, question, read(question, text, scene.language, scene.today))


def take_choice(scene: Scene, slot: str, value: str) -> Outcome:
    """Take a tapped answer to the question it names, whether or not it is the open one."""
    assert scene.form is not None
    say = scene.say
    question = next((item for item in journey_of(scene).path if item.slot == slot), None)
    if question is None:
        return ask(scene).before(Reply(say("form.not_relevant")))
    if question.type == "multi_choice":
        return _tick(scene, question, value)
    try:
        return take(scene, question, read_choice(question, value))
    except AnswerError:
        return ask(scene).before(Reply(say("out.unknown_choice")))


def _tick(scene: Scene, question: Question, value: str) -> Outcome:
    """One tap among several answers: `+value` ticks or unticks, `*` is done."""
    assert scene.draft is not None
    say = scene.say
    ticked = list(ticks(scene, question))
    if value == "*":
        if not ticked:
            return ask(scene).before(Reply(say("form.multi_none")))
        return take(scene, question, [option.value for option in question.options if option.value in ticked])
    value = value.removeprefix("+")
    if question.option(value) is None:
        return ask(scene).before(Reply(say("out.unknown_choice")))
    ticked.remove(value) if value in ticked else ticked.append(value)
    opened = scene.with_draft(replace(scene.draft, asking=question.slot))
    return ask(opened.remember(selecting=(question.slot, *ticked)))


def take(scene: Scene, question: Question, value: Value) -> Outcome:
    """Keep an answer and go on to the next question. An answer that ends the form keeps nothing."""
    assert scene.draft is not None
    was_open = open_question(scene)
    late = was_open is None or was_open.slot != question.slot
    answers = {**scene.draft.answers, question.slot: value}
    draft = replace(
        scene.draft, answers=answers, asking=scene.draft.asking if late else None, updated_at=scene.turn.received_at
    )
    option = question.option(value) if isinstance(value, str) else None
    after = scene.with_draft(draft).remember(
        selecting=scene.state.selecting if late else None,
        service=option.services[0] if option and option.services else scene.state.service,
    )
    journey = journey_of(after)
    if journey.stop_text:
        return _stop(scene, journey.stop_text)
    said = [Reply(in_language(text, scene.language)) for text in journey.notices(question.slot)]
    if late:
        shown = show(question, value, scene.language)
        said.insert(
            0, Reply(scene.say("form.changed", question=in_language(question.label, scene.language), answer=shown))
        )
    return ask(after).before(*said)


def _stop(scene: Scene, text: Texts) -> Outcome:
    """End the form at once and keep nothing (protected identity, or a matter that must go another way)."""
    assert scene.form is not None
    contact = contact_lines(scene, urgent=True) or [scene.say("human.other")]
    parts = [in_language(text, scene.language), "\n".join(contact), scene.say("form.stopped")]
    ended = scene.with_draft(None).remember(selecting=None)
    buttons = (choices.command("human", scene.say("menu.human")),)
    return menus.offer(ended, "\n\n".join(parts), buttons, Account("form", form_id=scene.form.id))


def act(scene: Scene, action: str, detail: str = "") -> Outcome:
    """A tapped or typed action about the open form."""
    handler = ACTIONS.get(action)
    return handler(scene, detail) if handler else ask(scene).before(Reply(scene.say("out.unknown_choice")))


def _skip(scene: Scene, detail: str) -> Outcome:
    question, opened = _named(scene, detail), open_question(scene)
    if question is None:
        return ask(scene)
    if opened is not None and opened.slot != question.slot:
        return ask(scene).before(Reply(scene.say("out.stale")))
    if question.required:
        return ask(scene).before(Reply(scene.say("form.cannot_skip")))
    return take(scene, question, None)


def _back(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None
    journey = journey_of(scene)
    question = _named(scene, detail)
    previous = journey.previous(question.slot) if question else (journey.path[-1] if journey.path else None)
    if previous is None:
        return ask(scene).before(Reply(scene.say("form.first")))
    return ask(scene.with_draft(replace(scene.draft, asking=previous.slot)).remember(selecting=None))


def _why(scene: Scene, detail: str) -> Outcome:
    question = _named(scene, detail)
    text = in_language(question.why, scene.language) if question and question.why else scene.say("form.no_why")
    return ask(scene).before(Reply(text))


def _change(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None
    journey = journey_of(scene)
    slot = detail if any(question.slot == detail for question in journey.path) else slot_named(scene, detail)
    if slot:
        return ask(scene.with_draft(replace(scene.draft, asking=slot)).remember(selecting=None))
    token, language = scene.draft.token, scene.language
    answered = [question for question in journey.path if question.slot in scene.draft.answers]
    buttons = tuple(choices.action(token, "change", in_language(q.label, language), q.slot) for q in answered)
    buttons = (
        *buttons,
        choices.action(token, "summary", scene.say("form.to_summary" if journey.is_complete else "menu.resume")),
    )
    account = Account("form", form_id=scene.draft.form_id)
    return menus.offer(scene.remember(pending="change"), scene.say("form.change_which"), buttons, account)


def slot_named(scene: Scene, text: str) -> str:
    """The slot whose summary label stands in a text ("ändra barnets namn"), or an empty string."""
    wanted = folded(text)
    labels = {q.slot: folded(in_language(q.label, scene.language)) for q in journey_of(scene).path}
    named = [slot for slot, label in labels.items() if label in wanted]
    return max(named, key=lambda slot: len(labels[slot]), default="")


def _summary(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None
    return ask(scene.with_draft(replace(scene.draft, asking=None)).remember(selecting=None))


def _cancel(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None and scene.form is not None
    say, token = scene.say, scene.draft.token
    if detail == "yes":
        ended = scene.with_draft(None).remember(selecting=None)
        account = Account("control", command="cancel")
        return menus.offer(ended, say("form.cancelled"), menus.start_choices(ended), account)
    buttons = (
        choices.action(token, "cancel", say("form.cancel_yes"), "yes"),
        choices.action(token, "resume", say("form.cancel_no")),
    )
    text = say("form.cancel_ask", form=in_language(scene.form.title, scene.language))
    return menus.offer(scene.remember(pending="cancel"), text, buttons, Account("control", command="cancel"))


def _replace(scene: Scene, detail: str) -> Outcome:
    if detail not in scene.tools.forms:
        return ask(scene).before(Reply(scene.say("out.unknown_choice")))
    return start(scene.with_draft(None).remember(selecting=None), detail)


def _restart(scene: Scene, detail: str) -> Outcome:
    return commands.begin_again(scene) if detail == "yes" else commands.run(scene, "restart") or ask(scene)


def _named(scene: Scene, slot: str) -> Question | None:
    """The question an action names, or the open one when it names none."""
    if not slot:
        return open_question(scene)
    return next((question for question in journey_of(scene).path if question.slot == slot), None)


ACTIONS: dict[str, Callable[[Scene, str], Outcome]] = {
    "resume": lambda scene, detail: resume(scene),
    "skip": _skip,
    "back": _back,
    "why": _why,
    "keep": _summary,
    "change": _change,
    "summary": _summary,
    "cancel": _cancel,
    "replace": _replace,
    "restart": _restart,
    "submit": lambda scene, detail: submit(scene),
}
