"""Filling in an open form, one question at a time: take an answer, skip, go back, change, cancel."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bot import choices, commands, menus, transfers
from bot.baton import answering as baton_answering
from bot.baton import handing as baton_handing
from bot.baton import signed as blankett_signed
from bot.form import interruptions as form_interruptions
from bot.form import naming as form_naming
from bot.form import tries as form_tries
from bot.form.asking import ask, journey_of, open_question, resume, ticks
from bot.form.opening import start
from bot.form.sending import submit_as_shown
from bot.safety import contact_lines
from bot.scene import Outcome, Scene
from bot.turn import Account, Reply
from forms.answer_error import AnswerError
from forms.answer_types import read, read_choice, show
from forms.conditions import Value
from forms.form import Question, Texts, in_language
from storage.conversations import Draft

ROLE = "vem_fyller_i"
"""The slot that says who fills in, in every application."""


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
    draft = with_answer(scene.draft, question.slot, value, scene.turn.received_at)
    draft = replace(draft, asking=scene.draft.asking if late else None)
    option = question.option(value) if isinstance(value, str) else None
    after = scene.with_draft(draft).remember(
        selecting=scene.state.selecting if late else None,
        service=option.services[0] if option and option.services else scene.state.service,
    )
    journey = journey_of(after)
    if journey.stop_text:
        return _stop(scene, journey.stop_text)
    said = [Reply(in_language(text, scene.language)) for text in journey.notices(question.slot)]
    if offered := menus.other_forms(scene, journey.offers(question.slot)):
        said[-1] = replace(said[-1], choices=offered)
    if late:
        shown = show(question, value, scene.language)
        said.insert(
            0, Reply(scene.say("form.changed", question=in_language(question.label, scene.language), answer=shown))
        )
    return ask(after).before(*said)


def with_answer(draft: Draft, slot: str, value: Value, at: datetime) -> Draft:
    """The draft with an answer, who gave it and when; wrong tries at it are over."""
    answers = {**draft.answers, slot: value}
    who = "vardnadshavare" if draft.baton else str(answers.get(ROLE) or "resident")
    given = {**draft.given, slot: {"by": who, "at": at.astimezone(UTC).isoformat()}}
    return form_tries.answered(replace(draft, answers=answers, given=given, updated_at=at), slot)


def _stop(scene: Scene, text: Texts) -> Outcome:
    """End the form at once and keep nothing (protected identity, or a matter that must go another way)."""
    assert scene.form is not None
    contact = contact_lines(scene, urgent=True) or [scene.say("human.other")]
    parts = [in_language(text, scene.language), "\n".join(contact), scene.say("form.stopped")]
    ended = scene.with_draft(None).remember(selecting=None, copies=())
    buttons = (choices.command("human", scene.say("menu.human")),)
    return menus.offer(ended, "\n\n".join(parts), buttons, Account("form", form_id=scene.form.id))


def act(scene: Scene, action: str, detail: str = "") -> Outcome:
    """A tapped or typed action about the open form."""
    handler = ACTIONS.get(action)
    return handler(scene, detail) if handler else ask(scene).before(Reply(scene.say("out.unknown_choice")))


def _skip(scene: Scene, detail: str) -> Outcome:
    question, opened = _named(scene, detail), open_question(scene)
    if question is None:
        return ask(scene).before(Reply(scene.say("out.stale" if detail else "form.nothing_to_skip")))
    if opened is None or opened.slot != question.slot:
        return ask(scene).before(Reply(scene.say("out.stale")))
    if _may_be_left_out(scene, question):
        return _leave_out(scene, question.slot)
    if question.required:
        return ask(scene).before(Reply(scene.say("form.cannot_skip")))
    return take(scene, question, None)


def _may_be_left_out(scene: Scene, question: Question) -> bool:
    assert scene.draft is not None and scene.form is not None
    tried = form_tries.tried_enough(scene.draft, question.slot)
    return tried and form_tries.can_be_left_out(scene.form, question)


def _leave_out(scene: Scene, detail: str) -> Outcome:
    """Pass the open question after wrong tries, also a required one; staff see that it was not understood."""
    question, opened = _named(scene, detail), open_question(scene)
    if question is None or opened is None or opened.slot != question.slot or not _may_be_left_out(scene, question):
        return ask(scene).before(Reply(scene.say("out.stale")))
    return take(scene, question, None).before(Reply(scene.say("form.left_out")))


def _back(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None
    journey = journey_of(scene)
    question = _named(scene, detail)
    previous = journey.previous(question.slot) if question else (journey.path[-1] if journey.path else None)
    if previous is None:
        return ask(scene).before(Reply(scene.say("form.first")))
    return ask(scene.with_draft(replace(scene.draft, asking=previous.slot)).remember(selecting=None))


def _why(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None
    question = _named(scene, detail)
    text = in_language(question.why, scene.language) if question and question.why else scene.say("form.no_why")
    who = choices.action(scene.draft.token, "who_reads", scene.say("form.who_reads_button"))
    again = ask(scene)
    return replace(again.before(Reply(text, (who,))), state=replace(again.state, offered=(who, *again.state.offered)))


def _change(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None
    journey = journey_of(scene)
    tapped = tuple(question.slot for question in journey.path if question.slot == detail)
    named = tapped or form_naming.slots_named(scene, detail)
    opened = open_question(scene)
    answered = [question for question in journey.path if question.slot in scene.draft.answers]
    found = [question for question in answered if question.slot in named]
    if len(found) == 1 or tapped:
        slot = tapped[0] if tapped else found[0].slot
        return ask(scene.with_draft(replace(scene.draft, asking=slot)).remember(selecting=None))
    if named and not found:
        now = opened is not None and opened.slot in named
        return ask(scene).before(Reply(scene.say("form.change_now" if now else "form.change_later")))
    answered = found or answered
    if not answered:
        return ask(scene).before(Reply(scene.say("form.change_nothing")))
    token, language = scene.draft.token, scene.language
    buttons = tuple(choices.action(token, "change", in_language(q.label, language), q.slot) for q in answered)
    buttons = (
        *buttons,
        choices.action(token, "summary", scene.say("form.to_summary" if journey.is_complete else "menu.resume")),
    )
    account = Account("form", form_id=scene.draft.form_id)
    return menus.offer(scene.remember(pending="change"), scene.say("form.change_which"), buttons, account)


def _summary(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None
    return ask(scene.with_draft(replace(scene.draft, asking=None)).remember(selecting=None))


def _cancel(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None and scene.form is not None
    if scene.draft.baton:
        return baton_answering.close(scene, detail)
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
    "who_reads": form_interruptions.who_reads,
    "questions_left": form_interruptions.questions_left,
    "save": form_interruptions.save,
    "leave_out": _leave_out,
    "keep": _summary,
    "change": _change,
    "summary": _summary,
    "hand_over": baton_handing.hand_over,
    "approve": baton_answering.approve,
    "decline": baton_answering.decline,
    "print": blankett_signed.print_blankett,
    "register": blankett_signed.register,
    "carry": transfers.carry,
    "cancel": _cancel,
    "replace": _replace,
    "restart": _restart,
    "submit": submit_as_shown,
}
