"""What a sentence tells, proposed as answers: which question each fact may fill, and how it is said back.

Nothing is an answer before the resident has said that it is right. What waits for that stands in `state.proposed`, also
what belongs to questions that are not reached yet. `form.proposed` takes the yes or no.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from bot import choices
from bot.form import tries as form_tries
from bot.form.from_facts import as_written, can_be_read, facts_in, is_answered, is_led_to, left_over, values_for
from bot.scene import Outcome, Scene
from bot.turn import Choice, Reply
from forms.answer_types import fits, show
from forms.conditions import Answers, Value
from forms.form import Form, Question, in_language
from forms.journey import Journey

OFFERING = "intresseanmalan"
"""The form for somebody who offers to help."""
FEW = 4
"""Facts up to which each has a button of its own to leave it out."""
Proposed = tuple[tuple[Question, Value], ...]


def with_facts(scene: Scene, started: Outcome, text: str) -> Outcome:
    """A form that a sentence has started, with what the sentence tells kept until it may be proposed."""
    form = scene.tools.forms.get(started.account.form_id or "")
    if form is None:
        return started
    opened = started.draft is not None and started.draft.form_id == form.id
    if not opened and not (started.state.pending or "").startswith(f"form:{form.id}"):
        return started
    at = Scene(scene.turn, started.state, started.draft, scene.tools)
    found = values_for(at, form, facts_in(at, text))
    return replace(started, state=replace(started.state, proposed=tuple(found.items())))


def wish_in(scene: Scene, text: str, intent: str) -> str | None:
    """The form that a text wants to begin by telling who writes, or how to reach them; None when it does not.

    Among so many facts the wish is hard to hear: then it is enough that it is the likeliest, or that help is offered.
    """
    told = {fact.kind for fact in facts_in(scene, text) if fact.sure and fact.whose == "writer"}
    if "?" in text or told.isdisjoint({"name", "phone", "email"}):
        return None
    if intent.startswith("start_"):
        return intent.removeprefix("start_")
    return OFFERING if "offer" in told else None


def several(scene: Scene, question: Question, text: str) -> dict[str, Value]:
    """The values a text gives where it tells several things and `question` is open; empty where it is just an answer.

    A long text is an answer whatever it tells, and so is what can be read as one.
    """
    assert scene.form is not None
    if question.type == "long_text":
        return {}
    facts = facts_in(scene, text, question)
    found = values_for(scene, scene.form, facts)
    others = {slot: value for slot, value in found.items() if slot != question.slot}
    if question.type != "text":
        return {} if can_be_read(scene, question, text) or not _would_show(scene, found) else found
    if not _would_show(scene, others):
        return {}
    if question.slot in found:
        return found
    name = next((fact for fact in facts if not fact.sure and fact.kind == "name" and fact.start == 0), None)
    if name is not None:
        return {question.slot: as_written(name), **others}
    return others if len(left_over(text, facts)) <= 1 else {}


def beside(scene: Scene, question: Question, taken: Outcome, text: str) -> Scene | None:
    """The scene after an answer to `question` was taken, with what else its text tells proposed; None: nothing else."""
    after = Scene(scene.turn, taken.state, taken.draft, scene.tools)
    if after.draft is None or after.form is None:
        return None
    found = values_for(after, after.form, facts_in(after, text, question))
    return remember(after, found) if _would_show(after, found) else None


def _would_show(scene: Scene, found: Mapping[str, Value]) -> bool:
    assert scene.draft is not None
    opened = scene.with_draft(replace(scene.draft, asking=None))
    return any(question.slot in found for question, _ in shown(remember(opened, found)))


def remember(scene: Scene, found: Mapping[str, Value]) -> Scene:
    """The scene with these values proposed too; of two for one question the newer."""
    proposed = {**dict(scene.state.proposed), **found}
    return scene.remember(proposed=tuple(proposed.items()))


def shown(scene: Scene) -> Proposed:
    """What is proposed here and now, in the order of the form: unanswered questions on the path or ahead on it.

    Nothing before the form's first question, whether anybody lives with protected identity, has its answer; nothing
    while another question has been opened.
    """
    draft, form = scene.draft, scene.form
    if draft is None or form is None or not scene.state.proposed or draft.asking is not None:
        return ()
    first = form.questions[0]
    if first.slot not in draft.answers and any(option.stops for option in first.options):
        return ()
    proposed = dict(scene.state.proposed)
    answers = {**draft.answers, **_new(form, proposed, draft.answers)}
    journey = Journey(form_tries.with_gaps(form, draft), answers, scene.today)
    return tuple(
        (question, proposed[question.slot])
        for question in form.questions
        if question.slot in proposed
        and not is_answered(question, draft.answers)
        and fits(question, proposed[question.slot])
        and is_led_to(journey, question.slot)
    )


def _new(form: Form, proposed: Mapping[str, Value], answers: Answers) -> dict[str, Value]:
    """What of the proposed is for questions without an answer."""
    return {q.slot: proposed[q.slot] for q in form.questions if q.slot in proposed and not is_answered(q, answers)}


def is_shown(scene: Scene) -> bool:
    """Whether a proposal waits for its yes or no."""
    return bool(shown(scene))


def reply(scene: Scene) -> Reply | None:
    """The proposal that waits for its yes or no, with its buttons; None when none does."""
    proposed = shown(scene)
    if not proposed:
        return None
    lines = [
        f"• {in_language(question.label, scene.language)}: {said(scene, question, value)}"
        for question, value in proposed
    ]
    parts = (scene.say("facts.understood"), "\n".join(lines), scene.say("facts.right"))
    return Reply("\n\n".join(parts), buttons(scene, each=len(proposed) <= FEW))


def said(scene: Scene, question: Question, value: Value) -> str:
    """A proposed value in words; of a personnummer never the last four digits."""
    text = show(question, value, scene.language)
    return f"{text[:-4]}••••" if question.type == "personnummer" else text


def buttons(scene: Scene, *, each: bool) -> tuple[Choice, ...]:
    """Yes and no, and to leave out one of them: a button for each, or one that leads to those."""
    assert scene.draft is not None
    proposed, token, say = shown(scene), scene.draft.token, scene.say
    mark = mark_of(scene)
    yes = choices.action(token, "proposal", say("facts.yes"), f"yes.{mark}")
    no = choices.action(token, "proposal", say("facts.no"), f"no.{mark}")
    if len(proposed) == 1:
        return yes, no
    if not each:
        return yes, choices.action(token, "proposal", say("facts.change"), "change"), no
    without = tuple(
        choices.action(
            token,
            "proposal",
            say("facts.without", label=in_language(question.label, scene.language)),
            f"not.{question.slot}",
        )
        for question, _ in proposed
    )
    return yes, *without, no


def mark_of(scene: Scene) -> str:
    """Tells one proposal from another, so that a late tap on an old button does not say yes to a new one."""
    assert scene.draft is not None
    values = repr([(question.slot, value) for question, value in shown(scene)])
    return hashlib.blake2s(values.encode(), key=scene.draft.token.encode(), digest_size=4).hexdigest()
