"""When a question is asked: a closed list of operators over answers given earlier.

A definition file holds data, never code. An operator is added here, in one line, and nowhere else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from forms.ages import age_on

Value = str | bool | list[str] | None
"""An answer as it is stored; None = skipped. An unanswered question has no value at all."""
Answers = Mapping[str, Value]
Expected = str | bool | int | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Condition:
    """Either a comparison (`slot`, `operator`, `expected`) or "all"/"any" over `parts`."""

    operator: str
    slot: str | None = None
    expected: Expected = None
    parts: tuple["Condition", ...] = ()


def _any_of(answer: Value, expected: Expected) -> bool:
    given = answer if isinstance(answer, list) else [answer]
    return isinstance(expected, tuple) and any(value in expected for value in given)


def _number(answer: Value) -> int | None:
    return int(answer) if isinstance(answer, str) and answer.isascii() and answer.isdigit() else None


def _below(answer: Value, expected: Expected) -> bool:
    number = _number(answer)
    return number is not None and isinstance(expected, int) and number < expected


def _above(answer: Value, expected: Expected) -> bool:
    number = _number(answer)
    return number is not None and isinstance(expected, int) and number > expected


COMPARISONS: Mapping[str, Callable[[Value, Expected], bool]] = {
    "is": lambda answer, expected: answer == expected,
    "is_not": lambda answer, expected: answer != expected,
    "any_of": _any_of,
    "none_of": lambda answer, expected: not _any_of(answer, expected),
    "below": _below,
    "above": _above,
    "answered": lambda answer, expected: (answer is not None) is expected,
}
AGES: Mapping[str, Callable[[int, int], bool]] = {
    "younger_than": lambda age, years: age < years,
    "at_least": lambda age, years: age >= years,
}
"""Compare an age in whole years, on the day of the walk; the answer is a birth date, a personnummer or an age."""
OPERATORS = (*COMPARISONS, *AGES)
COMBINATIONS: Mapping[str, Callable[[list[bool]], bool]] = {"all": all, "any": any}


def holds(condition: Condition, answers: Answers, on: date | None = None) -> bool:
    """Whether `condition` is true of `answers` on the day `on`; without a day nobody born on a date has an age.

    A comparison with a question that has no answer never holds, whatever the operator: nobody is asked
    something because of a thing they were not asked. A skipped question (None) is an answer: it is none of
    the options.
    """
    if condition.operator in COMBINATIONS:
        return COMBINATIONS[condition.operator]([holds(part, answers, on) for part in condition.parts])
    if condition.slot is None or condition.slot not in answers:
        return False
    answer, expected = answers[condition.slot], condition.expected
    if condition.operator in AGES:
        age = age_on(answer, on)
        return age is not None and isinstance(expected, int) and AGES[condition.operator](age, expected)
    return COMPARISONS[condition.operator](answer, expected)


def comparisons(condition: Condition) -> tuple[Condition, ...]:
    """Every comparison inside `condition`, in the order they are written."""
    if condition.operator in COMBINATIONS:
        return tuple(inner for part in condition.parts for inner in comparisons(part))
    return (condition,)
