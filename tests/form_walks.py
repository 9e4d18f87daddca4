"""Answers for every question of every form, and walks that reach them: for tests that try something at each of them."""

import random
from collections.abc import Iterator, Mapping
from datetime import date

from forms.conditions import Value
from forms.form import Form, Question
from forms.journey import Journey

ROLE = "vem_fyller_i"
TODAY = date(2026, 11, 20)
TYPED: Mapping[str, tuple[str, ...]] = {
    "text": ("Alva Fiktiv",),
    "long_text": ("Det vore bra med någon att prata med.",),
    "date": ("2026-12-24",),
    "birth_date": ("2019-04-03", "2015-04-03", "2012-04-03", "2010-04-03", "1980-04-03"),
    "age": ("7", "11", "13", "16", "30"),
    "phone": ("+46701740633",),
    "email": ("alva@example.com",),
    "personnummer": ("201504039806",),
    "postcode": ("73330",),
    "school_year": ("5", "8"),
}
"""Answer type -> what is stored for it."""


def roles(form: Form) -> tuple[str, ...]:
    """Who may fill in the form; a form that does not ask has one way, without a name."""
    question = form.question(ROLE)
    return tuple(o.value for o in question.options if not o.stops) if question else ("",)


def walks(form: Form, role: str, tries: int = 60) -> Iterator[tuple[tuple[Question, Value], ...]]:
    """Ways through the form in that role, each with a question that no earlier one had; the same every time."""
    chance = random.Random(f"{form.id} {role}")
    seen: set[str] = set()
    for _ in range(tries):
        walk = _walk(form, role, chance)
        met = {question.slot for question, _ in walk}
        if met - seen:
            seen |= met
            yield walk


def _walk(form: Form, role: str, chance: random.Random) -> tuple[tuple[Question, Value], ...]:
    answers: dict[str, Value] = {}
    walk: list[tuple[Question, Value]] = []
    while question := Journey(form, answers, TODAY).next_question:
        value = role if question.slot == ROLE else _value(question, chance)
        answers[question.slot] = value
        walk.append((question, value))
    return tuple(walk)


def _value(question: Question, chance: random.Random) -> Value:
    if not question.required and chance.random() < 0.2:
        return None
    if question.type == "yes_no":
        return chance.random() < 0.5
    options = [option.value for option in question.options if not option.stops]
    if question.type == "choice":
        return chance.choice(options)
    if question.type == "multi_choice":
        most = min(question.maximum or len(options), len(options))
        chosen = chance.sample(options, chance.randint(question.minimum or 1, most))
        return [option for option in options if option in chosen]
    return chance.choice(TYPED[question.type])
