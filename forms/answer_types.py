"""What an answer may be: one line per type, with how it is read from text, shown, and checked.

`read` and `read_choice` turn what a resident typed or tapped into a plain JSON value; `show` turns it back
into words. Skipping is not read here: the caller knows whether the question may be skipped, and stores None.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import cast

from forms.ages import read_age, show_age
from forms.answer_error import ERROR_KEYS, AnswerError
from forms.birth_dates import read_birth_date
from forms.choices import in_order, read_option, read_options
from forms.conditions import Value
from forms.dates import is_date, read_date, show_date
from forms.form import Question, in_language
from forms.identifiers import (
    read_email,
    read_personnummer,
    read_phone,
    read_postcode,
    show_personnummer,
    show_phone,
    show_postcode,
)
from forms.school_years import read_school_year, show_school_year
from forms.texts import clean, has_letter_or_digit
from forms.yes_no import read_yes_no

__all__ = ["ERROR_KEYS", "TYPES", "AnswerError", "Value", "fits", "input_kind", "read", "read_choice", "show"]

YES_NO = {"ja": True, "nej": False, "yes": True, "no": False}
"""What the buttons of a yes_no question may carry."""
YES_NO_LABELS = {"sv": {True: "Ja", False: "Nej"}, "en": {True: "Yes", False: "No"}}
SHORT, LONG = 200, 4_000
"""Characters in a text and in a long_text."""
LONGEST_READ = 20_000
"""Characters; a longer text is not even cleaned."""
NO_ANSWER = {"sv": "Inget svar", "en": "No answer"}


@dataclass(frozen=True, slots=True)
class AnswerType:
    """How one type of answer is read, shown and typed."""

    read: Callable[[Question, str, str, date], Value]
    show: Callable[[Question, str, str], str]
    """For the types that are stored as a string."""
    input_kind: str
    """Which keyboard or control fits."""
    is_stored: Callable[[str], object] = bool
    """Whether a string looks like one that `read` makes."""
    longest: int | None = None
    """Characters, for free text."""


def _free_text(longest: int, *, lines: bool) -> Callable[[Question, str, str, date], Value]:
    def read_text(question: Question, text: str, language: str, today: date) -> Value:
        text = clean(text, lines=lines)
        maximum = question.maximum or longest
        if len(text) > maximum:
            raise AnswerError("answer.text.too_long", maximum=maximum, length=len(text))
        if not has_letter_or_digit(text):
            raise AnswerError("answer.text.no_letters")
        if question.minimum is not None and len(text) < question.minimum:
            raise AnswerError("answer.text.too_short", minimum=question.minimum)
        return text

    return read_text


def _as_it_is(question: Question, value: str, language: str) -> str:
    return value


def _label(question: Question, value: str, language: str) -> str:
    option = question.option(value)
    return value if option is None else in_language(option.label, language)


_TYPES: Mapping[str, AnswerType] = {
    "text": AnswerType(_free_text(SHORT, lines=False), _as_it_is, "text", longest=SHORT),
    "long_text": AnswerType(_free_text(LONG, lines=True), _as_it_is, "multiline", longest=LONG),
    "choice": AnswerType(
        lambda question, text, language, today: read_option(question, text, language), _label, "choice"
    ),
    "multi_choice": AnswerType(
        lambda question, text, language, today: read_options(question, text, language), _label, "choices"
    ),
    "yes_no": AnswerType(lambda question, text, language, today: read_yes_no(text), _as_it_is, "choice"),
    "date": AnswerType(
        lambda question, text, language, today: read_date(text, language, today),
        lambda question, value, language: show_date(value, language),
        "date",
        is_date,
    ),
    "birth_date": AnswerType(
        lambda question, text, language, today: read_birth_date(text, language, today),
        lambda question, value, language: show_date(value, language),
        "date",
        is_date,
    ),
    "age": AnswerType(
        lambda question, text, language, today: read_age(text, today),
        lambda question, value, language: show_age(value, language),
        "text",
        re.compile(r"[0-9]|[1-9][0-9]|1[01][0-9]|120").fullmatch,
    ),
    "phone": AnswerType(
        lambda question, text, language, today: read_phone(text),
        lambda question, value, language: show_phone(value),
        "tel",
        re.compile(r"\+[1-9][0-9]{4,14}").fullmatch,
    ),
    "email": AnswerType(lambda question, text, language, today: read_email(text), _as_it_is, "email"),
    "personnummer": AnswerType(
        lambda question, text, language, today: read_personnummer(text, today),
        lambda question, value, language: show_personnummer(value),
        "numeric",
        re.compile(r"[0-9]{12}").fullmatch,
    ),
    "postcode": AnswerType(
        lambda question, text, language, today: read_postcode(text),
        lambda question, value, language: show_postcode(value),
        "numeric",
        re.compile(r"[1-9][0-9]{4}").fullmatch,
    ),
    "school_year": AnswerType(
        lambda question, text, language, today: read_school_year(text),
        lambda question, value, language: show_school_year(value, language),
        "text",
        re.compile(r"[0-9]|1[0-2]").fullmatch,
    ),
}
TYPES = tuple(_TYPES)
"""The names a definition may use."""


def read(question: Question, text: str, language: str, today: date) -> Value:
    """The answer in `text`, typed by somebody who uses `language` on the day `today`; never None.

    Raises AnswerError, and nothing else, for whatever cannot be taken.
    """
    if len(text) > LONGEST_READ:
        maximum = question.maximum or longest(question.type) or SHORT
        raise AnswerError("answer.text.too_long", maximum=maximum, length=len(text))
    cleaned = clean(text, lines=True)
    if not cleaned:
        raise AnswerError("answer.empty")
    return _TYPES[question.type].read(question, cleaned, language, today)


def read_choice(question: Question, value: str) -> Value:
    """The answer behind a tapped option. Raises AnswerError when the question has no such option."""
    if question.type == "yes_no" and value in YES_NO:
        return YES_NO[value]
    if question.type not in ("choice", "multi_choice") or question.option(value) is None:
        raise AnswerError("answer.choice.unknown", count=len(question.options))
    return value if question.type == "choice" else [value]


def show(question: Question, value: Value, language: str) -> str:
    """A stored answer in words, for a summary or a page; a skipped one too."""
    if value is None:
        return NO_ANSWER.get(language, NO_ANSWER["sv"])
    if isinstance(value, bool):
        return YES_NO_LABELS.get(language, YES_NO_LABELS["sv"])[value]
    show_one = _TYPES[question.type].show
    if isinstance(value, list):
        return ", ".join(show_one(question, one, language) for one in value)
    return show_one(question, value, language)


def fits(question: Question, value: object) -> bool:
    """Whether a stored value has the shape asked for; skipped fits only where it may be skipped."""
    if value is None:
        return not question.required
    if question.type == "yes_no":
        return isinstance(value, bool)
    if question.type == "multi_choice":
        texts = isinstance(value, list) and value != [] and all(isinstance(one, str) for one in value)
        return texts and value == in_order(question, cast(list[str], value))
    if question.type == "choice":
        return isinstance(value, str) and question.option(value) is not None
    return isinstance(value, str) and bool(_TYPES[question.type].is_stored(value))


def input_kind(question: Question) -> str:
    """What to type with: text, multiline, choice, choices, date, tel, email or numeric."""
    return _TYPES[question.type].input_kind


def longest(answer_type: str) -> int | None:
    """The most characters that a free text of this type may have; None for other types."""
    return _TYPES[answer_type].longest
