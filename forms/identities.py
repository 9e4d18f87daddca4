"""Which answers are names and identity numbers of people: what staff find a submission by, and nothing else is.

A personnummer is the answer to a question of that type. A name is the answer to a text question that a name fills
(`fact: child_name`), or whose slot means a name in every form: `namn`, `vardnadshavare`, and those that end in `_namn`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from forms.answer_error import AnswerError
from forms.form import Form, Question
from forms.identifiers import read_personnummer

NAME_SLOTS: Final = frozenset({"namn", "vardnadshavare"})
_LONGEST: Final = 40
"""Characters; a number with blanks around it is shorter."""
_BETWEEN_NAMES: Final = re.compile(r"[,;/&+\n]|\s(?:och|samt|and)\s", re.IGNORECASE)


@dataclass(frozen=True)
class Identities:
    """Names as they were written, one person each; personnummer and samordningsnummer as twelve digits."""

    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


def identities_in(form: Form, answers: Mapping[str, Any]) -> Identities:
    """Who is named in `answers` (slot -> value), each once, in the order of the questions."""
    names: list[str] = []
    numbers: list[str] = []
    for question in form.questions:
        value = answers.get(question.slot)
        if not isinstance(value, str):
            continue
        if question.type == "personnummer":
            numbers.append(value)
        elif is_name(question):
            names += split_names(value)
    return Identities(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(numbers)))


def split_names(text: str) -> list[str]:
    """The names of each: "Anna och Bo Ek" is "Anna" and "Bo Ek"."""
    return [name for part in _BETWEEN_NAMES.split(text) if (name := part.strip())]


def is_name(question: Question) -> bool:
    """Whether the answer is the name of somebody."""
    slot, fact = question.slot, question.fact or ""
    return question.type == "text" and (slot in NAME_SLOTS or slot.endswith("_namn") or fact.endswith("_name"))


def number_in(text: str, today: date) -> str | None:
    """The twelve digits of the personnummer or samordningsnummer that `text` is, or None when it is none.

    Without a century it is the latest one that is not after `today`.
    """
    if len(text) > _LONGEST:
        return None
    try:
        return read_personnummer(text.strip(), today)
    except AnswerError:
        return None
