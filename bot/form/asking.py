"""A form as the resident meets it: the open question with its buttons, the summary, how far along it is.

Where the resident is in a form is computed by `forms.journey` from the form and the answers. The one thing kept beside
the answers is `draft.asking`: the question the resident has gone back to, or is changing.
"""

from bot import choices
from bot.baton import asking as baton_asking
from bot.form import proposing as form_proposing
from bot.form import shown as form_shown
from bot.form import tries as form_tries
from bot.scene import Outcome, Scene, Tools, outcome
from bot.turn import Account, Choice, DraftProgress, Reply, Response, Turn
from forms.answer_types import show
from forms.form import Question, in_language
from forms.journey import Journey


def journey_of(scene: Scene) -> Journey:
    """The path through the open form. The scene must have a draft whose form exists."""
    assert scene.form is not None and scene.draft is not None
    return Journey(form_tries.with_gaps(scene.form, scene.draft), scene.draft.answers, scene.today)


def open_question(scene: Scene) -> Question | None:
    """The question that the next text answers; None at the summary."""
    assert scene.draft is not None
    journey = journey_of(scene)
    asked = next((question for question in journey.path if question.slot == scene.draft.asking), None)
    return asked or journey.next_question


def ask(scene: Scene, account: Account | None = None) -> Outcome:
    """What was understood of a sentence and waits for a yes; else the open question, or the summary at the end."""
    question = open_question(scene)
    reply = form_proposing.reply(scene) or (
        baton_asking.summary(scene, journey_of(scene)) or summary_reply(scene, journey_of(scene))
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
    said = Reply(scene.say("form.resume", form=in_language(scene.form.title, scene.language)))
    return ask(scene, account).before(said)


def question_reply(scene: Scene, journey: Journey, question: Question) -> Reply:
    """A question: its text and hint, its options as buttons, then what else can be done here."""
    assert scene.draft is not None
    say, language, draft = scene.say, scene.language, scene.draft
    number, total = journey.position(question.slot)
    parts = [in_language(question.text, language)]
    if question.hint:
        parts.append(in_language(question.hint, language))
    if question.type == "multi_choice":
        parts.append(_ticks(scene, question))
    elif question.slot in draft.answers and draft.answers[question.slot] is not None:
        parts.append(say("form.current", answer=show(question, draft.answers[question.slot], language)))
    if not question.required:
        parts.append(say("form.optional"))
    buttons = (*_options(scene, question), *_controls(scene, journey, question))
    return Reply(
        "\n\n".join(part for part in parts if part),
        buttons,
        progress=say("form.progress", number=number, total=total),
        expects=question.type,
    )


def ticks(scene: Scene, question: Question) -> tuple[str, ...]:
    """The options of a question with several answers that are ticked now: since it was opened, else as saved."""
    assert scene.draft is not None
    selecting = scene.state.selecting
    if selecting and selecting[0] == question.slot:
        return selecting[1:]
    saved = scene.draft.answers.get(question.slot)
    return tuple(saved) if isinstance(saved, list) else ()


def _ticks(scene: Scene, question: Question) -> str:
    ticked = ticks(scene, question)
    if not ticked:
        return scene.say("form.multi_first")
    shown = show(question, [option.value for option in question.options if option.value in ticked], scene.language)
    return scene.say("form.multi_selected", answers=shown) + " " + scene.say("form.multi")


def _options(scene: Scene, question: Question) -> tuple[Choice, ...]:
    assert scene.draft is not None
    token, slot, language = scene.draft.token, question.slot, scene.language
    if question.type == "yes_no":
        return tuple(choices.answer(token, slot, value, scene.say(f"control.{value}")) for value in ("ja", "nej"))
    if question.type == "multi_choice":
        ticked = ticks(scene, question)
        marks = tuple(
            choices.answer(
                token, slot, f"+{o.value}", ("✓ " if o.value in ticked else "") + in_language(o.label, language)
            )
            for o in question.options
        )
        return (*marks, choices.answer(token, slot, "*", scene.say("form.multi_done"))) if ticked else marks
    return tuple(
        choices.answer(token, slot, option.value, in_language(option.label, language)) for option in question.options
    )


def _controls(scene: Scene, journey: Journey, question: Question) -> tuple[Choice, ...]:
    assert scene.draft is not None
    say, token, slot = scene.say, scene.draft.token, question.slot
    buttons = []
    if scene.draft.asking == slot and slot in scene.draft.answers:
        buttons.append(choices.action(token, "keep", say("form.keep"), slot))
    if not question.required:
        buttons.append(choices.action(token, "skip", say("form.skip"), slot))
    if question.why:
        buttons.append(choices.action(token, "why", say("form.why"), slot))
    if journey.previous(slot):
        buttons.append(choices.action(token, "back", say("form.back"), slot))
    if scene.draft.answers:
        buttons.append(choices.action(token, "save", say("form.save.button")))
    buttons.append(choices.action(token, "cancel", say("form.cancel")))
    buttons.extend(baton_asking.carry_choices(scene))
    return tuple(buttons)


def summary_reply(scene: Scene, journey: Journey) -> Reply:
    """All answers, each changeable, and "Skicka in"."""
    assert scene.draft is not None and scene.form is not None
    say, language, token = scene.say, scene.language, scene.draft.token
    lines = []
    for question in journey.path:
        value = scene.draft.answers.get(question.slot)
        shown = say("form.summary_skipped") if value is None else show(question, value, language)
        lines.append(f"• {in_language(question.label, language)}: {shown}")
    place = scene.municipality.names[scene.language] if scene.municipality else ""
    lines.insert(0, say("form.goes_to", municipality=place))
    parts = [say("form.summary", form=in_language(scene.form.title, language)), "\n".join(lines), say("form.ready")]
    buttons = (
        choices.action(token, "submit", say("form.submit"), form_shown.mark(scene, journey)),
        *baton_asking.choices_at_summary(scene),
        choices.action(token, "change", say("form.change")),
        choices.action(token, "save", say("form.save.button")),
        choices.action(token, "cancel", say("form.cancel")),
    )
    return Reply("\n\n".join(parts), buttons)


def progress_of(scene: Scene, journey: Journey, open_slot: str | None) -> DraftProgress:
    """How far the open form has come, for channels and scripts."""
    assert scene.form is not None
    return DraftProgress(scene.form.id, open_slot, journey.answered, journey.total)


def response_of(tools: Tools, turn: Turn, done: Outcome) -> Response:
    """An outcome as channels see it: its replies, and how far the open form has come."""
    scene = Scene(turn, done.state, done.draft, tools)
    draft = None
    if scene.draft and scene.form:
        question = open_question(scene)
        draft = progress_of(scene, journey_of(scene), question.slot if question else None)
    return Response(done.replies, scene.language, draft, done.receipt, done.account, scene.state.municipality)
