"""How far apart two spellings are, as people misspell, and which known word is meant.

Vowels and doubled letters weigh little. What is known is learned from the training sentences; names of
services are not found here but by the lexicon.
"""

import re
from functools import lru_cache
from typing import Collection, Dict, List, Mapping, Optional, Tuple

from components.text import fold

_VOWELS = frozenset("aeiouy")
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[a-zåäöé]+")
_KINDS = 61
_SHORTEST = 5
_COMMON = 3


class Speller:
    """Puts misspelt Swedish words right. Immutable, so safe from several threads."""

    def __init__(self, swedish: Mapping[str, int], foreign: Collection[str]) -> None:
        """`swedish`: words in lower case -> how often they were seen; `foreign`: words to leave as they are."""
        self._swedish = frozenset(swedish) | frozenset(map(fold, swedish))
        self._known = self._swedish | frozenset(foreign)
        self._by_start: Dict[str, List[Tuple[str, int, str]]] = {}
        # The commonest first: of two equally near words it is the one that is meant.
        for word in sorted(swedish, key=lambda word: (-swedish[word], word)):
            if swedish[word] >= _COMMON and len(word) >= _SHORTEST - 1 and _LATIN.fullmatch(word):
                folded = fold(word)
                self._by_start.setdefault(folded[0], []).append((folded, consonants(folded), word))
        self._nearest = lru_cache(maxsize=4096)(self._find_nearest)

    def correct(self, text: str) -> str:
        """The text with unknown words replaced by near ones, if at least half of its words are Swedish."""
        words = _WORD.findall(text.lower())
        if 2 * sum(word in self._swedish for word in words) < len(words):
            return text
        return _WORD.sub(lambda word: self._meant(word.group().lower()) or word.group(), text)

    def _meant(self, written: str) -> Optional[str]:
        if len(written) < _SHORTEST or written in self._known or not _LATIN.fullmatch(written):
            return None
        return self._nearest(written)

    def _find_nearest(self, written: str) -> Optional[str]:
        folded = fold(written)
        own, limit = consonants(folded), 1.0 if len(written) < 7 else 1.5
        best: Tuple[float, Optional[str]] = (limit + 0.01, None)
        for word, others, spelt in self._by_start.get(folded[0], ()):
            if abs(len(word) - len(folded)) <= limit + 1 and consonants_apart(own, others) < best[0]:
                distance = spelling_distance(folded, word, best[0])
                if distance < best[0]:
                    best = (distance, spelt)
        return best[1]


def consonants(word: str) -> int:
    """The different letters of a word that are not vowels, as bits of a number: one for each of a few dozen kinds."""
    bits = 0
    for letter in word:
        if letter not in _VOWELS:
            bits |= 1 << ord(letter) % _KINDS
    return bits


def consonants_apart(one: int, other: int) -> int:
    """A lower bound of the distance of two words, from their consonants: each that only one has costs at least 1."""
    return max((one & ~other).bit_count(), (other & ~one).bit_count())


def spelling_distance(written: str, meant: str, limit: float) -> float:
    """Least cost of turning `written` into `meant`: 1 per letter, or per swap of neighbours.

    A vowel for another vowel and a doubled or undoubled letter cost 0.5. Returns `limit` or more as
    soon as the cost cannot stay below it.
    """
    before: list[float] = []
    last = [float(step) for step in range(len(meant) + 1)]
    for row, letter in enumerate(written, start=1):
        line = [float(row)]
        for column, target in enumerate(meant, start=1):
            cost = min(
                last[column - 1] + _change(letter, target),
                last[column] + (0.5 if row > 1 and written[row - 2] == letter else 1.0),
                line[column - 1] + (0.5 if column > 1 and meant[column - 2] == target else 1.0),
            )
            swapped = row > 1 and column > 1 and letter == meant[column - 2] and written[row - 2] == target
            if swapped and letter != target:
                cost = min(cost, before[column - 2] + 1.0)
            line.append(cost)
        if min(line) >= limit:
            return min(line)
        before, last = last, line
    return last[-1]


def _change(letter: str, target: str) -> float:
    if letter == target:
        return 0.0
    return 0.5 if letter in _VOWELS and target in _VOWELS else 1.0
