"""How far apart two spellings are, as people misspell: vowels and doubled letters weigh little."""

from typing import FrozenSet

_VOWELS = frozenset("aeiouy")


def consonants(word: str) -> FrozenSet[str]:
    """The different letters of a word that are not vowels."""
    return frozenset(word) - _VOWELS


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
