"""A long list of regular expressions, searched quickly.

From each expression are read the pieces of text that it cannot do without ("slår " or "slog ", and "mig" or "oss");
only expressions whose pieces all stand in a text are tried on it. What the expressions mean is left to the caller.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_GRAM = 3
_SHORTEST = 2
"""Letters of a piece: shorter ones stand in every text."""


@dataclass(frozen=True)
class _Entry:
    pattern: re.Pattern[str]
    needed: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class PhraseList:
    """Expressions, ready to search. `by_gram`: how a piece begins -> the piece and the entries it may point to."""

    entries: tuple[_Entry, ...]
    always: tuple[int, ...]
    by_gram: Mapping[str, tuple[tuple[str, int], ...]]

    def spans(self, text: str, grams: frozenset[str]) -> Iterator[tuple[int, int]]:
        """Where the expressions match in `text`; `grams` are those of the text."""
        numbers = set(self.always)
        for gram in grams & self.by_gram.keys():
            numbers.update(number for piece, number in self.by_gram[gram] if piece in text)
        for number in sorted(numbers):
            entry = self.entries[number]
            if all(any(piece in text for piece in pieces) for pieces in entry.needed):
                yield from (match.span() for match in entry.pattern.finditer(text))


def grams_of(text: str) -> frozenset[str]:
    """The pieces of two and three characters in a text."""
    return frozenset(text[at : at + length] for length in (_SHORTEST, _GRAM) for at in range(len(text)))


def phrase_list(expressions: Iterable[str]) -> PhraseList:
    """A list of `expressions`, each compiled once. Raises re.error for a broken one."""
    entries = tuple(_Entry(re.compile(text), tuple(_Reader(text).needed())) for text in dict.fromkeys(expressions))
    by_gram: dict[str, list[tuple[str, int]]] = {}
    for number, entry in enumerate(entries):
        for piece in max(entry.needed, key=_worth, default=frozenset()):
            by_gram.setdefault(piece[:_GRAM], []).append((piece, number))
    always = tuple(number for number, entry in enumerate(entries) if not entry.needed)
    return PhraseList(entries, always, {gram: tuple(found) for gram, found in by_gram.items()})


def _worth(pieces: frozenset[str]) -> tuple[int, int]:
    """Long pieces and few of them say most about a text."""
    return min(map(len, pieces)), -len(pieces)


class _Reader:
    """Reads an expression from left to right for the pieces it needs."""

    def __init__(self, expression: str) -> None:
        """Begins at the first character."""
        self._text = expression
        self._at = 0

    def needed(self) -> list[frozenset[str]]:
        """Sets of pieces: of each set at least one piece stands in every text that matches."""
        branches = [self._sequence()]
        while self._next() == "|":
            self._at += 1
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        if not all(branches):
            return []
        return [frozenset().union(*(max(branch, key=_worth) for branch in branches))]

    def _sequence(self) -> list[frozenset[str]]:
        found: list[frozenset[str]] = []
        run = ""
        while self._next() not in ("", "|", ")"):
            letter, inner = self._item()
            certain, once = self._how_often()
            if letter and certain:
                run += letter
            if not letter or not once:
                found.append(frozenset([run]))
                run = ""
            if certain:
                found.extend(inner)
        found.append(frozenset([run]))
        return [pieces for pieces in found if min(map(len, pieces)) >= _SHORTEST]

    def _item(self) -> tuple[str, list[frozenset[str]]]:
        """The next thing: a letter that stands for itself, or what a group needs; something else is neither."""
        letter = self._next()
        self._at += 1
        if letter == "[":
            self._at = self._text.index("]", self._at) + 1
        elif letter == "\\":
            self._at += 5 if self._next() == "u" else 1
        elif letter == "(":
            around = re.compile(r"\?<?[=!]").match(self._text, self._at)
            self._at += 2 if self._text.startswith("?:", self._at) else around.end() - self._at if around else 0
            inner = self.needed()
            self._at += 1
            return "", [] if around else inner
        elif letter not in ".^$":
            return letter, []
        return "", []

    def _how_often(self) -> tuple[bool, bool]:
        """Whether the item just read must be there, and whether it stands there once."""
        quantifier = re.compile(r"[?*+]|\{(\d+)(?:,\d*)?\}").match(self._text, self._at)
        if not quantifier:
            return True, True
        self._at = quantifier.end()
        return quantifier[0] == "+" or quantifier[1] not in (None, "0"), False

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]
