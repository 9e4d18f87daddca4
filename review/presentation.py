"""Rebuilds what a resident answered from the stored form and answers, as lines that a template can show.

Pure: no database, no request. The path is computed again by `forms.journey`, so staff meet the questions in
the order, and with the skips, that the resident met them. Whatever is stored outside that path is shown too,
in a section of its own: an answer must never disappear because a rule has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forms.answer_types import fits, show
from forms.form import Form, Question, in_language
from forms.journey import Journey

SWEDISH = "sv"
SKIPPED = "Hoppade över"
UNANSWERED = "Inte besvarad"
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


@dataclass(frozen=True)
class Section:
    """Lines under a heading; the main section has none."""

    title: str | None
    lines: tuple[Line, ...]


def sections_of(form: Form, answers: Mapping[str, Any], language: str) -> tuple[Section, ...]:
    """The answers in the order they were given, then any that the form no longer leads to."""
    path = Journey(form, answers).path
    sections = [Section(None, tuple(_line(question, answers, language) for question in path))]
    on_path = {question.slot for question in path}
    strays = tuple(
        _line(question, answers, language)
        for question in form.questions
        if question.slot not in on_path and question.slot in answers
    )
    nameless = tuple(Line(slot, _plain(value)) for slot, value in answers.items() if form.question(slot) is None)
    if strays or nameless:
        sections.append(Section("Svar som ligger utanför formulärets frågor", strays + nameless))
    return tuple(sections)


def flag_texts(form: Form, flags: Sequence[str]) -> tuple[str, ...]:
    """Each flag in words; a flag that the form does not explain is shown by its own name."""
    return tuple(in_language(form.flag_labels[flag], SWEDISH) if flag in form.flag_labels else flag for flag in flags)


def _line(question: Question, answers: Mapping[str, Any], language: str) -> Line:
    text = in_language(question.text, SWEDISH)
    if question.slot not in answers:
        return Line(text, UNANSWERED, skipped=True)
    value = answers[question.slot]
    if value is None:
        return Line(text, SKIPPED, skipped=True)
    if not fits(question, value):
        return Line(text, _plain(value))
    if question.type in TYPED_FREELY:
        return Line(text, show(question, value, language), language=language)
    swedish, seen = show(question, value, SWEDISH), show(question, value, language)
    return Line(text, swedish, seen_as=seen if seen != swedish else None)


def _plain(value: Any) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
