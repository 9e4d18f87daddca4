"""Answers that a form's questions take, whatever its questions are: tapped where there are options, else typed.

A typed answer is found by trying what people type, until the question reads one. Names are invented, and no two alike.
"""

import random
from datetime import datetime

from bot.scene import STOCKHOLM
from forms.answer_error import AnswerError
from forms.answer_types import read
from forms.conditions import Value
from forms.form import Question

_WORDS = (
    "Alm",
    "Berg",
    "Dal",
    "Ek",
    "Fors",
    "Gran",
    "Hage",
    "Lind",
    "Mark",
    "Näs",
    "Rosen",
    "Ström",
    "Vik",
    "Äng",
    "Ös",
)
_TYPED = (
    "{word} {other}",
    "{word} {other} berättar om {third}, om skogen och om musiken.",
    "ja",
    "{word}@example.com",
    "070-17406{phone:02}",
    "685 30",
    "20140403-9800",
    "2015-01-31",
    "3 april 2026",
    "femman",
    "1",
)


class UnanswerableError(Exception):
    """A question that nothing in this module answers."""


def typed(question: Question, choose: random.Random, language: str = "sv") -> tuple[str, Value]:
    """A text that the question reads, and the value that it then has. Raises UnanswerableError."""
    today = datetime.now(STOCKHOLM).date()
    for pattern in _TYPED:
        word, other, third = ("".join(choose.choices(_WORDS, k=2)).capitalize() for _ in range(3))
        ascii_word = word.casefold().translate(str.maketrans("åäö", "aao"))
        text = pattern.format(
            word=ascii_word if "@" in pattern else word, other=other, third=third, phone=choose.randint(5, 99)
        )
        try:
            return text, read(question, text, language, today)
        except AnswerError:
            continue
    raise UnanswerableError(f"nothing answers a question of the type {question.type}")


def tappable(question: Question) -> dict[str, Value]:
    """Choice value -> answer, for the options that let the form go on; empty where an answer is typed."""
    if question.type == "yes_no":
        return {"ja": True, "nej": False}
    if question.type == "choice":
        return {option.value: option.value for option in question.options if not option.stops}
    return {}
