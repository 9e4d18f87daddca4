"""Choosing by typing: the words of a button, its number, the beginning of it, or several at once.

Forgiving about letter case, accents and punctuation, never about meaning: what fits two options is asked
again.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

from forms.answer_error import AnswerError
from forms.form import Option, Question, in_language
from forms.texts import fold
from forms.yes_no import POLITE, read_yes_no

_LONGEST = 300
_NUMBER = re.compile(r"(?:nr|nummer|alternativ|no|number|option)? ?([0-9]{1,2})")
_SEPARATORS = tuple(re.compile(pattern) for pattern in (r"[\n;]", r",", r" ?[+&/] ?", r"\b(?:och|samt|and)\b"))


def read_option(question: Question, text: str, language: str) -> str:
    """The value of the one option that `text` means. Raises AnswerError."""
    found = _matches(question, text, language)
    if len(found) == 1:
        return found[0].value
    if found:
        labels = ", ".join(in_language(option.label, language) for option in found)
        raise AnswerError("answer.choice.ambiguous", matches=labels)
    raise AnswerError("answer.choice.unknown", count=len(question.options))


def read_options(question: Question, text: str, language: str) -> list[str]:
    """The values of all options that `text` names, in the order of the definition. Raises AnswerError."""
    if len(text) > _LONGEST:
        raise AnswerError("answer.choice.unknown", count=len(question.options))
    chosen = in_order(question, _several(question, text, language, depth=0))
    if question.minimum is not None and len(chosen) < question.minimum:
        raise AnswerError("answer.choices.too_few", minimum=question.minimum)
    if question.maximum is not None and len(chosen) > question.maximum:
        raise AnswerError("answer.choices.too_many", maximum=question.maximum)
    return chosen


def in_order(question: Question, values: Iterable[str]) -> list[str]:
    """Each of `values` that the question has, once, in the order of the definition."""
    wanted = set(values)
    return [option.value for option in question.options if option.value in wanted]


def _several(question: Question, text: str, language: str, *, depth: int) -> list[str]:
    found = _matches(question, text, language)
    if len(found) == 1:
        return [found[0].value]
    if re.fullmatch(r"[0-9]{1,2}(?: [0-9]{1,2})+", text.strip()):
        return [value for number in text.split() for value in _several(question, number, language, depth=depth + 1)]
    for level in range(depth, len(_SEPARATORS)):
        parts = [part for part in _SEPARATORS[level].split(text) if fold(part)]
        if len(parts) > 1:
            return [value for part in parts for value in _several(question, part, language, depth=level + 1)]
    if found:
        labels = ", ".join(in_language(option.label, language) for option in found)
        raise AnswerError("answer.choice.ambiguous", matches=labels)
    raise AnswerError("answer.choices.unknown", part=text.strip()[:40], count=len(question.options))


def _matches(question: Question, text: str, language: str) -> list[Option]:
    """The options that `text` may mean; the first way of looking that finds any decides."""
    plain = fold(text) if len(text) <= _LONGEST else ""
    if not plain:
        return []
    words = plain.split()
    without_polite = " ".join(word for word in words if word not in POLITE)
    for names in (_names(question.options, (language,)), _names(question.options, ())):
        for wanted in dict.fromkeys((plain, without_polite)):
            if exact := [option for option, name in names if wanted and name == wanted]:
                return _unique(exact)
    number = _NUMBER.fullmatch(plain)
    if number is not None:
        position = int(number[1]) - 1
        if 0 <= position < len(question.options):
            return [question.options[position]]
    if {"ja", "nej"} <= {option.value for option in question.options}:
        with suppress(AnswerError):
            wanted = "ja" if read_yes_no(text) else "nej"
            return [option for option in question.options if option.value == wanted]
    if "?" in text:
        return []
    for names in (_names(question.options, (language,)), _names(question.options, ())):
        if len(plain) > 1 and (started := [option for option, name in names if name.startswith(plain)]):
            return _unique(started)
        if named := [option for option, name in names if _names_the_words(words, name)]:
            return _unique(named)
    return []


def _names(options: Sequence[Option], languages: Sequence[str]) -> list[tuple[Option, str]]:
    """(option, folded name) for the labels in `languages` (none given: in all) and the other words."""
    names: list[tuple[Option, str]] = []
    for option in options:
        labels = [in_language(option.label, language) for language in languages] or list(option.label.values())
        names.extend((option, fold(name)) for name in (*labels, *option.words, option.value.replace("_", " ")))
    return names


def _names_the_words(words: list[str], name: str) -> bool:
    """Every word (of at least four letters, at most four words) begins some word of `name`."""
    parts = name.split()
    return len(words) <= 4 and all(len(word) > 3 and any(part.startswith(word) for part in parts) for word in words)


def _unique(options: list[Option]) -> list[Option]:
    return [option for position, option in enumerate(options) if option not in options[:position]]
