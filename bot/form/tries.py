"""Wrong tries at a question, counted in the draft: from the third on the question can be left out, and staff see it.

Left out is what stands as None after so many tries, also where the form requires an answer. What makes the rest
unreachable is never left out: the question that ends the form, the ways to be reached, and what decides whether those
are asked.
"""

from collections.abc import Iterator
from dataclasses import replace

from forms.conditions import Condition
from forms.form import Form, Question
from storage.conversations import Draft

TRIES = 3
FLAG = "otydligt_svar"
"""Raised for staff when a question was left out after wrong tries."""
_REACHED_BY = ("phone", "email")


def counted(draft: Draft, slot: str) -> Draft:
    """The draft after one more wrong try at a question."""
    return replace(draft, tries={**draft.tries, slot: draft.tries.get(slot, 0) + 1})


def answered(draft: Draft, slot: str) -> Draft:
    """The draft when a question has its answer, or is passed: tries are forgotten, unless it was left out."""
    if slot not in draft.tries or _is_left_out(draft, slot):
        return draft
    return replace(draft, tries={one: number for one, number in draft.tries.items() if one != slot})


def tried_enough(draft: Draft, slot: str) -> bool:
    """Whether a question has been tried so often that it can be left out, where it can be at all."""
    return draft.tries.get(slot, 0) >= TRIES


def left_out(draft: Draft) -> frozenset[str]:
    """The slots of the questions that were left out after wrong tries."""
    return frozenset(slot for slot in draft.tries if _is_left_out(draft, slot))


def with_gaps(form: Form, draft: Draft) -> Form:
    """The form with those questions no longer required that were left out."""
    slots = {slot for slot in left_out(draft) if (question := form.question(slot)) and can_be_left_out(form, question)}
    if not any(question.required and question.slot in slots for question in form.questions):
        return form
    return replace(
        form, questions=tuple(replace(q, required=q.required and q.slot not in slots) for q in form.questions)
    )


def can_be_left_out(form: Form, question: Question) -> bool:
    """Whether the form still reaches somebody, and stays a form, without an answer to the question."""
    if not question.required:
        return True
    if question.type in _REACHED_BY or any(option.stops for option in question.options):
        return False
    return not any(
        other.required and other.when is not None and question.slot in _slots_of(other.when) for other in form.questions
    )


def _is_left_out(draft: Draft, slot: str) -> bool:
    return tried_enough(draft, slot) and slot in draft.answers and draft.answers[slot] is None


def _slots_of(condition: Condition) -> Iterator[str]:
    if condition.slot:
        yield condition.slot
    for part in condition.parts:
        yield from _slots_of(part)
