"""Choosing by typing: the words of a button, its number, whole words of it, a sentence, or several at once.

Forgiving about letter case, accents and punctuation, never about meaning: what fits two options is asked
again, and yes or no is never taken for anything else.
"""

import re
from collections.abc import Iterable, Sequence

from forms.answer_error import AnswerError
from forms.form import Option, Question, in_language
from forms.mentions import alike, may_answer, mentioned
from forms.texts import fold, word_set
from forms.yes_no import POLITE, read_yes_no, says_no, says_yes

_LONGEST = 300
_CONTENT = 4
"""Letters in a word that says something; a name is never guessed from shorter ones alone."""
_EMPTY = word_set("inte ingen inga inget utan vill andra fler")
"""Longer words that say nothing on their own."""
_NUMBER = re.compile(r"(?:nr|nummer|alternativ|no|number|option)? ?([0-9]{1,2})")
_SEPARATORS = tuple(re.compile(pattern) for pattern in (r"[\n;]", r",", r" ?[+&/] ?", r"\b(?:och|samt|and)\b"))


def read_option(question: Question, text: str, language: str) -> str:
    """The value of the one option that `text` means. Raises AnswerError."""
    found = _named(question, text, language) or _mentioned(question, text)
    if len(found) == 1:
        return found[0].value
    if found:
        raise _ambiguous(found, language)
    raise AnswerError("answer.choice.unknown", count=len(question.options))


def read_options(question: Question, text: str, language: str) -> list[str]:
    """The values of all options that `text` names, in the order of the definition. Raises AnswerError.

    Words that name nothing are passed over as long as something is named, unless they may be meant for
    somebody else (a question, violence); a number always means an option.
    """
    if len(text) > _LONGEST:
        raise AnswerError("answer.choice.unknown", count=len(question.options))
    unread: list[str] = []
    found = _several(question, text, language, depth=0, unread=unread)
    strict = not found or not may_answer(text)
    said = {word for _, name in _names([o for o in question.options if o.value in found], ()) for word in name.split()}
    strange = next((part for part in unread if strict or (fold(part).isdecimal() and fold(part) not in said)), None)
    if strange is not None:
        raise AnswerError("answer.choices.unknown", part=strange.strip()[:40], count=len(question.options))
    chosen = in_order(question, found)
    if question.minimum is not None and len(chosen) < question.minimum:
        raise AnswerError("answer.choices.too_few", minimum=question.minimum)
    if question.maximum is not None and len(chosen) > question.maximum:
        raise AnswerError("answer.choices.too_many", maximum=question.maximum)
    return chosen


def in_order(question: Question, values: Iterable[str]) -> list[str]:
    """Each of `values` that the question has, once, in the order of the definition."""
    wanted = set(values)
    return [option.value for option in question.options if option.value in wanted]


def _several(question: Question, text: str, language: str, *, depth: int, unread: list[str]) -> list[str]:
    """The values named in `text`, piece by piece; pieces that name nothing are put in `unread`."""
    named = _named(question, text, language)
    if len(named) == 1:
        return [named[0].value]
    if re.fullmatch(r"[0-9]{1,2}(?: [0-9]{1,2})+", text.strip()):
        pieces = text.split()
        return [v for piece in pieces for v in _several(question, piece, language, depth=depth, unread=unread)]
    found = [option.value for option in _mentioned(question, text)]
    if unclear := alike(text, _all_names(question)) if found else []:
        raise _ambiguous(unclear, language)
    for level in range(depth, len(_SEPARATORS)):
        pieces = [piece for piece in _SEPARATORS[level].split(text) if fold(piece)]
        if len(pieces) > 1:
            for piece in pieces:
                found += _several(question, piece, language, depth=level + 1, unread=unread)
            return found
    if named and not found:
        raise _ambiguous(named, language)
    if not found:
        unread.append(text)
    return found


def _named(question: Question, text: str, language: str) -> list[Option]:
    """The options that the whole of `text` may mean; the first way of looking that finds any decides."""
    plain = fold(text) if len(text) <= _LONGEST else ""
    if not plain:
        return []
    without_polite = " ".join(word for word in plain.split() if word not in POLITE)
    for names in (_names(question.options, (language,)), _names(question.options, ())):
        for wanted in dict.fromkeys((plain, without_polite)):
            if exact := [option for option, name in names if wanted and name == wanted]:
                return _unique(exact)
    number = _NUMBER.fullmatch(plain)
    if number is not None:
        position = int(number[1]) - 1
        if 0 <= position < len(question.options):
            return [question.options[position]]
    try:
        wanted = "ja" if read_yes_no(text) else "nej"
    except AnswerError:
        return [] if "?" in text else _begun(question, plain, language)
    return [option for option in question.options if _asks_yes_or_no(question) and option.value == wanted]


def _begun(question: Question, plain: str, language: str) -> list[Option]:
    """The options whose names begin with, or else have, all the words of `plain`."""
    words = plain.split()
    telling = [word for word in words if len(word) >= _CONTENT and word not in _EMPTY]
    for names in (_names(question.options, (language,)), _names(question.options, ())):
        if telling and (begun := [option for option, name in names if f"{name} ".startswith(f"{plain} ")]):
            return _unique(begun)
        if len(telling) == len(words) <= 4 and (
            having := [option for option, name in names if set(words) <= set(name.split())]
        ):
            return _unique(having)
    return []


def _mentioned(question: Question, text: str) -> list[Option]:
    """The options that a sentence names. One that begins with yes or no is not taken for the opposite."""
    if len(text) > _LONGEST:
        return []
    found = mentioned(text, _all_names(question))
    first = fold(text).partition(" ")[0]
    if _asks_yes_or_no(question) and (
        (says_yes(first) and any(option.value == "nej" for option in found))
        or (says_no(first) and any(option.value != "nej" for option in found))
    ):
        return []
    return found


def _all_names(question: Question) -> list[tuple[Option, str]]:
    """(option, folded name) for what a sentence may name an option by."""
    return [(option, fold(name)) for option in question.options for name in (*option.label.values(), *option.words)]


def _asks_yes_or_no(question: Question) -> bool:
    return {"ja", "nej"} <= {option.value for option in question.options}


def _names(options: Sequence[Option], languages: Sequence[str]) -> list[tuple[Option, str]]:
    """(option, folded name) for the labels in `languages` (none given: in all) and the other words."""
    names: list[tuple[Option, str]] = []
    for option in options:
        labels = [in_language(option.label, language) for language in languages] or list(option.label.values())
        names.extend((option, fold(name)) for name in (*labels, *option.words, option.value.replace("_", " ")))
    return names


def _ambiguous(options: Sequence[Option], language: str) -> AnswerError:
    labels = ", ".join(in_language(option.label, language) for option in options)
    return AnswerError("answer.choice.ambiguous", matches=labels)


def _unique(options: list[Option]) -> list[Option]:
    return [option for position, option in enumerate(options) if option not in options[:position]]
