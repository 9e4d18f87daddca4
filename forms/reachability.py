"""What answers can lead to: whether a question is ever asked, a notice ever shown, two questions ever asked together.

Every answer that makes a difference to some condition is tried, one of each kind. No form is walked here: that is
`journey`.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from forms.conditions import AGES, Answers, Condition, Value, comparisons, holds
from forms.form import Form, Question
from forms.shapes import Problem

_DAY = date(2000, 1, 1)
"""Ages are compared on some day; which one makes no difference."""


def circle(form: Form, question: Question, slot: str) -> tuple[str, ...]:
    """The slots from `question` over `slot` and back, each waiting for the next; empty when there is no way back."""
    waits = {one.slot: [part.slot for part in comparisons(one.when)] if one.when else [] for one in form.questions}

    def back(path: tuple[str, ...]) -> tuple[str, ...]:
        if path[-1] == question.slot:
            return path
        further = (slot for slot in waits.get(path[-1], ()) if slot is not None and slot not in path[1:])
        return next((found for slot in further if (found := back((*path, slot)))), ())

    return back((question.slot, slot))


def dead_ends_in(form: Form) -> Iterator[Problem]:
    """What no answers lead to, and facts that two questions would ask for; `form` has no other problem."""
    for question in form.questions:
        if question.when is not None and not can_be_asked(form, question):
            yield question.slot, "it is never asked: no answers make its when hold"
            continue
        for number, notice in enumerate(question.notices, start=1):
            if not can_be_shown(form, question, notice.when):
                yield question.slot, f"notice {number} is never shown: no answers make its when hold"
    facts: dict[str, list[Question]] = {}
    for question in form.questions:
        for other in facts.get(question.fact or "", ()):
            if can_be_asked(form, other, question):
                yield question.slot, f"the fact {question.fact} fills {other.slot} too, and both may be asked"
        if question.fact is not None:
            facts.setdefault(question.fact, []).append(question)


def can_be_asked(form: Form, *questions: Question) -> bool:
    """Whether some answers lead to all of `questions` in one walk."""
    return _can_hold(form, questions, [question.when for question in questions if question.when is not None])


def can_be_shown(form: Form, question: Question, condition: Condition) -> bool:
    """Whether a notice under `question` with this condition can ever be shown."""
    return _can_hold(form, (question,), [one for one in (question.when, condition) if one is not None])


def _can_hold(form: Form, questions: Sequence[Question], conditions: Sequence[Condition]) -> bool:
    needed = _needed(form, conditions)
    last = max(form.questions.index(question) for question in questions)
    asked = [question for question in form.questions[: last + 1] if question.slot in needed]
    told = [condition for question in asked if (condition := question.when) is not None]
    values = {question.slot: _values(question, (*told, *conditions)) for question in asked}

    def walks(position: int, met: dict[str, Value]) -> Iterator[Answers]:
        if position == len(asked):
            yield met
            return
        question = asked[position]
        if question.when is not None and not holds(question.when, met, _DAY):
            yield from walks(position + 1, met)
            return
        for value in values[question.slot]:
            yield from walks(position + 1, {**met, question.slot: value})

    return any(all(holds(condition, met, _DAY) for condition in conditions) for met in walks(0, {}))


def _needed(form: Form, conditions: Sequence[Condition]) -> set[str]:
    """The slots that `conditions` are about, and those that decide whether these are asked."""
    needed: set[str] = set()
    waiting = [one.slot for condition in conditions for one in comparisons(condition)]
    while waiting:
        slot = waiting.pop()
        question = form.question(slot or "")
        if question is None or question.slot in needed:
            continue
        needed.add(question.slot)
        if question.when is not None:
            waiting += [one.slot for one in comparisons(question.when)]
    return needed


def _values(question: Question, conditions: Sequence[Condition]) -> list[Value]:
    """One answer of each kind that `conditions` can tell apart."""
    told = [one for condition in conditions for one in comparisons(condition) if one.slot == question.slot]
    skipped: list[Value] = [] if question.required else [None]
    if question.type == "yes_no":
        return [True, False, *skipped]
    if question.type in ("choice", "multi_choice"):
        named = {
            value for one in told for value in (one.expected if isinstance(one.expected, tuple) else (one.expected,))
        }
        leading = [option.value for option in question.options if not option.stops]
        telling = [value for value in leading if value in named]
        other = [value for value in leading if value not in named][:1]
        if question.type == "choice":
            return [*telling, *other, *skipped]
        several: list[Value] = [[value] for value in (*telling, *other)]
        return [*several, telling, *skipped] if len(telling) > 1 else [*several, *skipped]
    limits = {one.expected for one in told if isinstance(one.expected, int) and not isinstance(one.expected, bool)}
    numbers = sorted({max(limit + step, 0) for limit in limits for step in (-1, 0, 1)})
    if any(one.operator in AGES for one in told) and question.type != "age":
        return [*(_DAY.replace(year=_DAY.year - number).isoformat() for number in numbers), *skipped]
    return [*map(str, numbers), *skipped] if numbers else ["x", *skipped]
