"""Rebuilds what a resident answered from the stored form and answers, as lines that a template can show.

Pure: no database, no request. The path is computed again by `forms.journey`, so staff meet the questions in
the order, and with the skips, that the resident met them. Whatever is stored outside that path is shown too,
in a section of its own: an answer must never disappear because a rule has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from forms.answer_types import fits, show
from forms.form import Form, Question, in_language
from forms.journey import Journey
from review.labels import giver, stockholm_time

SWEDISH = "sv"
SKIPPED = "Hoppade över"
UNANSWERED = "Inte besvarad"
CHILDS_VOICE = "Barnets egna ord"
TYPED_FREELY = frozenset({"text", "long_text"})


@dataclass(frozen=True)
class Line:
    """One question with its answer. `text` is in `language`; `seen_as` is what the resident saw when that
    differs."""

    question: str
    text: str
    language: str = SWEDISH
    seen_as: str | None = None
    skipped: bool = False
    given: str | None = None
    """Who gave the answer and when, where it is known."""


@dataclass(frozen=True)
class Section:
    """Lines under a heading; the main section has none."""

    title: str | None
    lines: tuple[Line, ...]


def sections_of(
    form: Form,
    answers: Mapping[str, Any],
    language: str,
    *,
    given: Mapping[str, Mapping[str, str]] | None = None,
    on: date | None = None,
) -> tuple[Section, ...]:
    """The answers in the order they were given, the child's own words apart, then any that the form leads to no more.

    `given`: slot -> who gave it and when; `on`: the day it was sent in, on which ages count.
    """
    path, given = Journey(_as_left_out(form, answers), answers, on).path, given or {}
    on_path = {question.slot for question in path}
    voice = [question for question in path if question.childs_voice]
    strays = [question for question in form.questions if question.slot not in on_path and question.slot in answers]

    def lines(questions: Sequence[Question]) -> tuple[Line, ...]:
        return tuple(_line(question, answers, language, _giver(given.get(question.slot))) for question in questions)

    sections = [Section(None, lines([question for question in path if question not in voice]))]
    if voice:
        sections.append(Section(CHILDS_VOICE, lines(voice)))
    nameless = tuple(Line(slot, _plain(value)) for slot, value in answers.items() if form.question(slot) is None)
    if strays or nameless:
        sections.append(Section("Svar som ligger utanför formulärets frågor", lines(strays) + nameless))
    return tuple(sections)


def _as_left_out(form: Form, answers: Mapping[str, Any]) -> Form:
    """The form in which what was left out may be: the path goes on after a required question that got no answer."""
    left_out = {slot for slot, value in answers.items() if value is None}
    questions = tuple(replace(one, required=one.required and one.slot not in left_out) for one in form.questions)
    return replace(form, questions=questions)


def _giver(given: Mapping[str, str] | None) -> str | None:
    if not given:
        return None
    return f"{giver(given['by'])}, {stockholm_time(datetime.fromisoformat(given['at']))}"


def flag_texts(form: Form, flags: Sequence[str]) -> tuple[str, ...]:
    """Each flag in words; a flag that the form does not explain is shown by its own name."""
    return tuple(in_language(form.flag_labels[flag], SWEDISH) if flag in form.flag_labels else flag for flag in flags)


def _line(question: Question, answers: Mapping[str, Any], language: str, given: str | None) -> Line:
    text = in_language(question.text, SWEDISH)
    if question.slot not in answers:
        return Line(text, UNANSWERED, skipped=True)
    value = answers[question.slot]
    if value is None:
        return Line(text, SKIPPED, skipped=True, given=given)
    if not fits(question, value):
        return Line(text, _plain(value), given=given)
    if question.type in TYPED_FREELY:
        return Line(text, show(question, value, language), language=language, given=given)
    swedish, seen = show(question, value, SWEDISH), show(question, value, language)
    return Line(text, swedish, seen_as=seen if seen != swedish else None, given=given)


def _plain(value: Any) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
