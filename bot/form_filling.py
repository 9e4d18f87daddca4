"""Filling in a form, one question at a time: ask, take the answer, go back, change, sum up, send in.

Where the resident is in a form is computed by `forms.journey` from the form and the answers. The one thing kept beside
the answers is `draft.asking`: the question the resident has gone back to, or is changing.
"""

from dataclasses import replace

from bot import choices, menus
from bot.form_texts import progress_of, question_reply, summary_reply
from bot.safety import contact_lines
from bot.scene import STOCKHOLM, Outcome, Scene, outcome
from bot.turn import Account, Receipt, Reply
from forms.answer_error import AnswerError
from forms.answer_types import read, read_choice, show
from forms.conditions import Value
from forms.form import Form, Question, Texts, in_language
from forms.journey import Journey
from forms.loader import form_to_snapshot
from storage.conversations import Draft, make_draft_token
from storage.submissions import NewSubmission, make_reference


def journey_of(scene: Scene) -> Journey:
    """The path through the open form. The scene must have a draft whose form exists."""
    assert scene.form is not None and scene.draft is not None
    return Journey(scene.form, scene.draft.answers)


def open_question(scene: Scene) -> Question | None:
    """The question that the next text answers; None at the summary."""
    assert scene.draft is not None
    journey = journey_of(scene)
    asked = next((question for question in journey.path if question.slot == scene.draft.asking), None)
    return asked or journey.next_question


def start(scene: Scene, form_id: str, prefilled: str = "") -> Outcome:
    """Open a form, or say where it can be filled in, or ask first what must be known (municipality, another draft)."""
    say, tools = scene.say, scene.tools
    form = tools.forms[form_id]
    account = Account("form", form_id=form_id, prefilled=_prefill(form, prefilled))
    if form_id not in menus.forms_here(scene):
        text = (
            say("form.elsewhere", form=form.title[scene.language], address=tools.web_address)
            if tools.web_address
            else say("form.elsewhere_unknown", form=form.title[scene.language])
        )
        return menus.offer(scene, text, (choices.command("human", say("menu.human")),), account)
    if scene.draft and scene.form:
        if scene.draft.form_id == form_id:
            return resume(scene, account)
        buttons = (
            choices.action(scene.draft.token, "resume", say("form.continue")),
            choices.action(scene.draft.token, "replace", say("form.replace"), form_id),
        )
        text = say("form.other_open", form=scene.form.title[scene.language], other=form.title[scene.language])
        return menus.offer(scene, text, buttons, account)
    if scene.municipality is None:
        pending = f"form:{form_id}:{prefilled}" if prefilled else f"form:{form_id}"
        asking = scene.remember(pending=pending)
        return menus.offer(asking, say("municipality.ask"), menus.municipality_choices(scene), account)
    if scene.municipality.id == "annan":
        names = ", ".join(place.name for place in tools.library.municipalities if place.id != "annan")
        text = say("municipality.form_other", names=names)
        change = choices.command("municipality", say("menu.change_municipality"))
        return menus.offer(scene.remember(pending=None), text, (change,), account)
    return _begin(scene, form, prefilled, account)


def _begin(scene: Scene, form: Form, prefilled: str, account: Account) -> Outcome:
    say, language, now = scene.say, scene.language, scene.turn.received_at
    answers = _prefill(form, prefilled)
    draft = Draft(make_draft_token(), form.id, form.version, answers, None, now, now)
    about = form.id.removeprefix("ansokan_")
    known = about if about in scene.tools.library.vocabulary.services else scene.state.service
    scene = scene.with_draft(draft).remember(pending=None, selecting=None, service=known)
    parts = [form.title[language], form.purpose[language], form.information[language], say("form.saved")]
    if answers:
        shown = (
            show(question, answers[question.slot], language) for question in form.questions if question.slot in answers
        )
        parts.append(say("form.prefilled", answers=", ".join(shown)))
    return replace(ask(scene).before(Reply("\n\n".join(parts))), account=account)


def _prefill(form: Form, prefilled: str) -> dict[str, Value]:
    """{"slot": value} from "slot=value", or empty when the form has no such question and option."""
    slot, _, value = prefilled.partition("=")
    known = any(
        question.slot == slot and any(o.value == value for o in question.options) for question in form.questions
    )
    return {slot: value} if known else {}


def prefill_for(form: Form, services: tuple[str, ...]) -> str:
    """What a form can know already from the services a resident named: "slot=value", or nothing."""
    for question in form.questions:
        for option in question.options:
            if len(services) == 1 and services[0] in option.services:
                return f"{question.slot}={option.value}"
    return ""


def ask(scene: Scene, account: Account | None = None) -> Outcome:
    """The open question, or the summary when all is answered."""
    question = open_question(scene)
    reply = (
        summary_reply(scene, journey_of(scene))
        if question is None
        else question_reply(scene, journey_of(scene), question)
    )
    scene = scene.remember(offered=reply.choices)
    return outcome(
        scene, reply, account=account or Account("form", form_id=scene.draft.form_id if scene.draft else None)
    )


def resume(scene: Scene, account: Account | None = None) -> Outcome:
    """Go on with the open form where it was."""
    assert scene.form is not None
    said = Reply(scene.say("form.resume", form=scene.form.title[scene.language]))
    return ask(scene, account).before(said)


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
    saved = scene.draft.answers.get(question.slot)
    ticked = list(
        scene.state.selecting if scene.state.selecting is not None else saved if isinstance(saved, list) else ()
    )
    if value == "*":
        if not ticked:
            return ask(scene).before(Reply(say("form.multi_none")))
        return take(scene, question, [option.value for option in question.options if option.value in ticked])
    value = value.removeprefix("+")
    if value not in {option.value for option in question.options}:
        return ask(scene).before(Reply(say("out.unknown_choice")))
    ticked.remove(value) if value in ticked else ticked.append(value)
    opened = scene.with_draft(replace(scene.draft, asking=question.slot)).remember(selecting=tuple(ticked))
    return ask(opened)


def take(scene: Scene, question: Question, value: Value) -> Outcome:
    """Keep an answer and go on to the next question. An answer that ends the form keeps nothing."""
    assert scene.draft is not None
    was_open = open_question(scene)
    late = was_open is not None and was_open.slot != question.slot
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
        said.insert(0, Reply(scene.say("form.changed", question=question.label[scene.language], answer=shown)))
    return ask(after).before(*said)


def _stop(scene: Scene, text: Texts) -> Outcome:
    """End the form at once and keep nothing (protected identity, or a matter that must go another way)."""
    assert scene.form is not None
    parts = [
        in_language(text, scene.language),
        "\n".join(contact_lines(scene) or [scene.say("human.other")]),
        scene.say("form.stopped"),
    ]
    ended = scene.with_draft(None).remember(selecting=None)
    buttons = (choices.command("human", scene.say("menu.human")),)
    return menus.offer(ended, "\n\n".join(parts), buttons, Account("form", form_id=scene.form.id))


def act(scene: Scene, action: str, detail: str = "") -> Outcome:
    """A tapped or typed action about the open form."""
    handler = ACTIONS.get(action)
    return handler(scene, detail) if handler else ask(scene).before(Reply(scene.say("out.unknown_choice")))


def _skip(scene: Scene, detail: str) -> Outcome:
    question = _named(scene, detail)
    if question is None:
        return ask(scene)
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
    text = question.why[scene.language] if question and question.why else scene.say("form.no_why")
    return ask(scene).before(Reply(text))


def _change(scene: Scene, detail: str) -> Outcome:
    assert scene.draft is not None
    journey = journey_of(scene)
    if detail and any(question.slot == detail for question in journey.path):
        return ask(scene.with_draft(replace(scene.draft, asking=detail)).remember(selecting=None))
    token, language = scene.draft.token, scene.language
    answered = [question for question in journey.path if question.slot in scene.draft.answers]
    buttons = tuple(choices.action(token, "change", q.label[language], q.slot) for q in answered)
    buttons = (*buttons, choices.action(token, "summary", scene.say("form.to_summary")))
    return menus.offer(scene, scene.say("form.change_which"), buttons, Account("form", form_id=scene.draft.form_id))


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
    text = say("form.cancel_ask", form=scene.form.title[scene.language])
    return menus.offer(scene, text, buttons, Account("control", command="cancel"))


def _replace(scene: Scene, detail: str) -> Outcome:
    if detail not in scene.tools.forms:
        return ask(scene).before(Reply(scene.say("out.unknown_choice")))
    return start(scene.with_draft(None).remember(selecting=None), detail)


def _submit(scene: Scene, detail: str) -> Outcome:
    """Send in: one submission with a reference, and what happens next. Every answer is checked once more."""
    assert scene.draft is not None and scene.form is not None
    journey, form, say, language = journey_of(scene), scene.form, scene.say, scene.language
    if not journey.is_complete or scene.municipality is None:
        return ask(scene).before(Reply(say("form.not_complete")))
    reference = make_reference()
    submission = NewSubmission(
        reference=reference,
        draft_token=scene.draft.token,
        form_id=form.id,
        form_version=form.version,
        form_snapshot=form_to_snapshot(form),
        answers=journey.relevant_answers,
        flags=journey.flags,
        municipality=scene.municipality.id,
        channel=scene.turn.channel,
        language=language,
    )
    day = scene.turn.received_at.astimezone(STOCKHOLM).date().isoformat()
    title, place = form.title[language], scene.municipality.name
    parts = [
        say("form.receipt", form=title, municipality=place, date=day),
        say("form.reference", reference=reference),
        form.receipt[language],
        "\n".join(contact_lines(scene)),
    ]
    ended = scene.with_draft(None).remember(selecting=None, offered=menus.start_choices(scene))
    reply = Reply("\n\n".join(part for part in parts if part), menus.start_choices(scene))
    account = Account("form", form_id=form.id)
    receipt = Receipt(reference, form.id)
    return outcome(ended, reply, account=account, submission=submission, receipt=receipt)


def already_sent(scene: Scene, token: str) -> Outcome | None:
    """The receipt again, when the draft with this token has been sent in; else None."""
    found = scene.tools.receipt_for(token)
    if found is None:
        return None
    reference, form_id = found
    reply = Reply(scene.say("form.already", reference=reference), menus.start_choices(scene))
    account = Account("form", form_id=form_id)
    return outcome(scene, reply, account=account, receipt=Receipt(reference, form_id))


def _named(scene: Scene, slot: str) -> Question | None:
    """The question an action names, or the open one when it names none."""
    if not slot:
        return open_question(scene)
    return next((question for question in journey_of(scene).path if question.slot == slot), None)


ACTIONS = {
    "resume": lambda scene, detail: resume(scene),
    "skip": _skip,
    "back": _back,
    "why": _why,
    "keep": lambda scene, detail: _summary(scene, detail),
    "change": _change,
    "summary": _summary,
    "cancel": _cancel,
    "replace": _replace,
    "submit": _submit,
}

__all__ = [
    "act",
    "already_sent",
    "ask",
    "open_question",
    "prefill_for",
    "progress_of",
    "resume",
    "start",
    "take_choice",
    "take_text",
]
