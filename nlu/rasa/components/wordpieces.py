"""Text to the numbers of its word pieces, as multilingual-e5-small was taught: the likeliest way to cut it up.

A few lines of Python in place of a library, which would need 280 MB for the same pieces. No piece goes over a space,
so each word is cut by itself, and common ones are remembered.
"""

from array import array
from functools import lru_cache
from typing import Dict, List, Tuple

from components.e5_weights import Vocabulary

_SPACE = "\u2581"
_UNKNOWN_COSTS = 10.0
_REMEMBERED = 8192
_LONGEST_REMEMBERED = 30
"""Words and letters: what is remembered stays small whatever is sent."""


class WordPieces:
    """The pieces by what they say. To be shared between threads."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Puts 250,000 pieces in a dictionary (60 MB)."""
        self._rewriting = vocabulary.rewriting
        self._scores = array("f", vocabulary.scores)
        self._unknown = vocabulary.unknown
        self._unknown_score = min(vocabulary.scores) - _UNKNOWN_COSTS
        self._ends = (vocabulary.begin, vocabulary.end)
        self._numbers: Dict[str, int] = {}
        self._longest: Dict[str, int] = {}
        for number, piece in enumerate(vocabulary.pieces):
            if piece and number != vocabulary.unknown:
                self._numbers.setdefault(piece, number)
                self._longest[piece[0]] = max(len(piece), self._longest.get(piece[0], 0))
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._likeliest)

    def cut(self, text: str, longest: int) -> List[int]:
        """At most `longest` numbers, begin and end among them; what is over is left out at the end."""
        begin, end = self._ends
        numbers: List[int] = []
        for word in self._written(text).split(_SPACE)[1:]:
            cut = self._remembered if len(word) <= _LONGEST_REMEMBERED else self._likeliest
            numbers += cut(_SPACE + word)
            if len(numbers) > longest:
                break
        return [begin, *numbers[: longest - 2], end]

    def _written(self, text: str) -> str:
        text = text.translate(self._rewriting)
        while "  " in text:
            text = text.replace("  ", " ")
        return (text if text.startswith(" ") else f" {text}").replace(" ", _SPACE)

    def _likeliest(self, text: str) -> Tuple[int, ...]:
        """Viterbi's way: for every place the best piece that ends there. A character no piece has is unknown."""
        length = len(text)
        best, last, start = [float("-inf")] * (length + 1), [0] * (length + 1), [0] * (length + 1)
        best[0] = 0.0
        find, longest, scores = self._numbers.get, self._longest.get, self._scores
        for here in range(length):
            so_far = best[here]
            for there in range(here + 1, min(length, here + longest(text[here], 0)) + 1):
                number = find(text[here:there])
                if number is not None and so_far + scores[number] > best[there]:
                    best[there], last[there], start[there] = so_far + scores[number], number, here
            if so_far + self._unknown_score > best[here + 1]:
                best[here + 1], last[here + 1], start[here + 1] = so_far + self._unknown_score, self._unknown, here
        numbers = []
        place = length
        while place:
            numbers.append(last[place])
            place = start[place]
        return tuple(reversed(numbers))
