"""Walks through the real forms: who fills them in, answers that can be given, whole walks question by question."""

import random
from collections.abc import Iterator
from datetime import date

from forms.answer_types import read, read_choice
from forms.conditions import Value
from forms.form import Form, Question
from forms.journey import Journey
from forms.loader import load_forms

FORMS = load_forms()
TODAY = date(2026, 3, 1)
TYPED = {
    "text": ["Alex Ek", "Sala", "vardagar efter 16"],
    "long_text": ["Vi tycker om skogen.\n\nOch musik."],
    "yes_no": ["ja", "nej tack"],
    "date": ["3 april 2026"],
    "birth_date": ["3/4-14", "2015-01-31", "fyller 17 den 3 maj", "31 december 1980", "2024-06-06"],
    "age": ["nio", "14 år", "2"],
    "phone": ["070-174 06 05", "+46701740699"],
    "email": ["alex@example.com"],
    "personnummer": ["20140403-9800", "080102-9802"],
    "postcode": ["685 30"],
    "school_year": ["femman", "åk 2", "8"],
}
"""Good answers by question type."""
ROLE = "vem_fyller_i"
WAYS = ("telefon", "ring_utan_meddelande", "epost")


def _routes(slot: str, values: tuple[str, ...], *, several: bool = False) -> dict[str, list[dict[str, Value]]]:
    return {
        value: [{"skyddade_uppgifter": "nej", slot: [value] if several else value, "kontaktvag": way} for way in WAYS]
        for value in values
    }


ROUTES: dict[str, dict[str, list[dict[str, Value]]]] = {
    "intresseanmalan": _routes(
        "uppdrag",
        (
            *("kontaktperson_barn", "sarskilt_kvalificerad", "kontaktperson_vuxen"),
            *("kontaktfamilj", "umgangesstodjare", "vet_inte"),
        ),
        several=True,
    ),
    "ansokan_kontaktperson": _routes(
        "vem_fyller_i",
        ("vardnadshavare", "ung_15_17", "ung_12_14", "vuxen_sjalv", "narstaende_vuxen", "yrkesperson"),
    ),
    "ansokan_kontaktfamilj": _routes("vem_fyller_i", ("vardnadshavare", "ung_15_17", "yrkesperson")),
    "ansokan_kontaktgrupp": _routes("vem_fyller_i", ("vardnadshavare", "yrkesperson", "barnet", "annan")),
    "kontakta_mig": {"alla": [{"skyddade_uppgifter": "nej", "kontaktvag": way} for way in WAYS]},
}
"""Form -> who fills it in -> the answers that make it so, for each way to be reached."""


def texts_of(form: Form) -> Iterator[tuple[str, str, str]]:
    """(where, language, text) for everything that a resident or the staff can read."""
    for name in ("title", "purpose", "information", "stop_text", "receipt"):
        yield from ((name, language, text) for language, text in getattr(form, name).items())
    for flag, label in form.flag_labels.items():
        yield from ((flag, language, text) for language, text in label.items())
    for question in form.questions:
        parts = [question.label, question.text, question.hint, question.why]
        parts += [notice.text for notice in question.notices]
        for option in question.options:
            parts += [option.label, option.stop_text]
        for part in parts:
            yield from ((question.slot, language, text) for language, text in (part or {}).items())


def any_answer(question: Question, choose: random.Random, *, language: str = "sv") -> Value:
    """An answer that lets the form go on: skipped, tapped or typed."""
    if not question.required and choose.random() < 0.3:
        return None
    if question.type == "choice":
        return read_choice(question, choose.choice([option.value for option in question.options if not option.stops]))
    return read(question, any_text(question, choose), language, TODAY)


def any_text(question: Question, choose: random.Random) -> str:
    """An answer as it is typed; where there are several options, by their numbers."""
    if question.type == "choice":
        return str(choose.choice([n for n, option in enumerate(question.options, start=1) if not option.stops]))
    if question.type == "multi_choice":
        chosen = choose.sample(question.options, choose.randint(1, len(question.options)))
        return ", ".join(str(question.options.index(option) + 1) for option in chosen)
    return choose.choice(TYPED[question.type])


def walk(form: Form, choose: random.Random, given_answers: dict[str, Value]) -> dict[str, Value]:
    """Answer question by question until the form is complete, checking each step."""
    answers: dict[str, Value] = {}
    for step in range(1, len(form.questions) + 1):
        journey = Journey(form, answers, TODAY)
        question = journey.next_question
        assert question is not None
        assert journey.position(question.slot) == (step, journey.total)
        assert journey.answered == step - 1
        assert step <= journey.total <= len(form.questions)
        previous = journey.previous(question.slot)
        assert previous is (journey.path[-2] if step > 1 else None)
        fixed = question.slot in given_answers
        answers[question.slot] = given_answers[question.slot] if fixed else any_answer(question, choose)
        if Journey(form, answers, TODAY).is_complete:
            return answers
    raise AssertionError(f"{form.id} is not complete after every question has been answered")


def roles(form: Form) -> tuple[str, ...]:
    """Who may fill in the form; a form that does not ask has one way, without a name."""
    question = form.question(ROLE)
    return tuple(option.value for option in question.options if not option.stops) if question else ("",)


def walks(form: Form, role: str, tries: int = 60) -> Iterator[tuple[tuple[Question, Value], ...]]:
    """Ways through the form in that role, each with a question that no earlier one had; the same every time."""
    choose = random.Random(f"{form.id} {role}")
    seen: set[str] = set()
    for _ in range(tries):
        answers = walk(form, choose, {ROLE: role})
        if answers.keys() - seen:
            seen |= answers.keys()
            yield tuple((question, answers[question.slot]) for question in Journey(form, answers, TODAY).path)


def walked(form_id: str, route: str, *, seed: int = 1, **given_answers: Value) -> Journey:
    """A whole walk of one who fills in a form, with some answers given."""
    fixed = {**ROUTES[form_id][route][0], **given_answers}
    return Journey(FORMS[form_id], walk(FORMS[form_id], random.Random(seed), fixed), TODAY)


def lengths(form_id: str, route: str) -> list[int]:
    """How many questions there are in sixty walks for each way to be reached; skipped ones count."""
    choose = random.Random(7)
    return [len(walk(FORMS[form_id], choose, fixed)) for fixed in ROUTES[form_id][route] for _ in range(60)]
