"""The blankett: a form on paper as a PDF, with what has been answered so far and lines for the rest and for signatures.

The page is `blankett.typ`. What a person has written goes into it as data and is never read as markup; the PDF is made
from scratch in memory, tagged (PDF/UA-1), and names nobody outside its text. Who may have it is the caller's business.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import typst

from bot.baton.view import about_writer
from bot.wording import Wording
from forms.answer_types import show
from forms.conditions import Answers
from forms.form import Form, Question, in_language
from forms.journey import Journey

TEMPLATE = Path(__file__).with_name("blankett.typ").read_bytes()
LINES = {"long_text": 5}
"""Empty lines for an answer that is missing; one for the other types."""
SIGNATURES = 2
PARTS = ("page", "sign_heading", "sign_text", "signature", "date", "name", "writer_heading", "information_heading")


class BlankettError(Exception):
    """The page cannot be made."""


def make_blankett(form: Form, answers: Answers, say: Wording, municipality: str, on: date) -> bytes:
    """The form with these answers on the day `on`, as a PDF on A4 in the language of `say`. Raises BlankettError."""
    language, questions = say.language, tuple(questions_of(form, answers, on))
    data = {
        "title": in_language(form.title, language),
        "municipality": municipality,
        "language": language,
        "intro": say("blankett.intro"),
        "note": "",
        "questions": [_row(question, answers, language) for question in questions if not about_writer(question)],
        "writer": [
            [in_language(question.label, language), show(question, answers[question.slot], language)]
            for question in questions
            if about_writer(question) and answers.get(question.slot) is not None
        ],
        "information": in_language(form.information, language).strip().splitlines(),
        "signatures": SIGNATURES,
        "texts": {part: say(f"blankett.{part}") for part in PARTS},
    }
    attempts = (
        (False, True, ""),
        (True, True, ""),
        (True, False, say("blankett.missing_characters")),  # signs that no font here has: the standard forbids them
    )
    problem = ""
    for system_fonts, tagged, note in attempts:
        try:
            return _compiled(data | {"note": note}, system_fonts=system_fonts, tagged=tagged)
        except typst.TypstError as error:
            problem = type(error).__name__  # its message may quote an answer
    raise BlankettError(f"the blankett of {form.id} cannot be made: {problem}")


def questions_of(form: Form, answers: Answers, on: date) -> Iterator[Question]:
    """The questions that the paper shows: the path so far, and what is ahead as far as the answers tell."""
    journey = Journey(form, answers, on)
    for question in form.questions:
        try:
            journey.position(question.slot)
        except KeyError:
            continue
        yield question


def _row(question: Question, answers: Answers, language: str) -> dict[str, Any]:
    value = answers.get(question.slot)
    return {
        "text": in_language(question.text, language),
        "hint": in_language(question.hint, language) if question.hint else "",
        "answer": "" if value is None else show(question, value, language),
        "options": _options(question, language),
        "lines": LINES.get(question.type, 1),
    }


def _options(question: Question, language: str) -> list[str]:
    if question.type == "yes_no":
        return [show(question, value, language) for value in (True, False)]
    return [in_language(option.label, language) for option in question.options if not option.stops]


def _compiled(data: Mapping[str, Any], *, system_fonts: bool, tagged: bool) -> bytes:
    fonts = typst.Fonts(include_system_fonts=system_fonts)
    compiler = typst.Compiler(TEMPLATE, font_paths=fonts, sys_inputs={"data": json.dumps(data)})
    made = compiler.compile(format="pdf", pdf_standards=["ua-1"] if tagged else [])
    assert isinstance(made, bytes)
    return made
