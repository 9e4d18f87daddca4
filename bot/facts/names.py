"""Where a name begins and ends: "jag heter amir lindqvist jag bor i sala" holds "amir lindqvist".

Names stand after a cue ("jag heter") and end at the first word that is no name. Which cue says whose name it is stands
in `finding.yml`; the words that are no names, and the first names that are read after a weak cue, in `names.yml`.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

DATA = Path(__file__).with_suffix(".yml")
LONGEST = 4
"""Words of one person's name."""

_LATIN = range(0x00C0, 0x0250)
_PLAIN = {ord(a): b for a, b in zip("øæłđðþı’´`–—", "oalddti'''--", strict=True)} | {
    code: plain for code in _LATIN if (plain := unicodedata.normalize("NFD", chr(code))[0]) != chr(code)
}
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_GAP = re.compile(r" {1,2}")
_AND = re.compile(r" {1,2}(?:(?:och|o|and|samt)\b|[&+]) {1,2}", re.IGNORECASE)
_FIRST_GAP = re.compile(r"[ :,]{0,3}")


@dataclass(frozen=True)
class NameWords:
    """What is known of words and names, compared in folded letters."""

    first_names: frozenset[str]
    particles: frozenset[str]
    no_names: frozenset[str]


@dataclass(frozen=True)
class Name:
    """A name in a text: where it stands, and how many people share it."""

    start: int
    end: int
    people: int


def folded(text: str) -> str:
    """Small letters without å, ä, ö and accents, as long as the text itself."""
    small = text.lower()
    if len(small) != len(text):
        small = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
    return small.translate(_PLAIN)


@cache
def name_words(path: Path = DATA) -> NameWords:
    """The lists in `path`."""
    data: Mapping[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    lists = {name: frozenset(folded(words).split()) for name, words in data.items()}
    return NameWords(lists["first_names"], lists["particles"], lists["no_names"])


def read_name(text: str, at: int, *, weak: bool, not_names: Collection[str] = ()) -> Name | None:
    """The name that begins at `at`, or None. After a weak cue only what is surely one: known, or with its capitals.

    `not_names`: more words (folded) that are no names, such as places.
    """
    gap = _FIRST_GAP.match(text, at)
    reader = _Reader(text, weak, frozenset(not_names))
    return reader.people(gap.end() if gap else at)


class _Reader:
    def __init__(self, text: str, weak: bool, not_names: frozenset[str]) -> None:
        self._text = text
        self._weak = weak
        self._not_names = not_names
        self._words = name_words()
        plain = [word for word in _WORD.findall(text) if len(word) > 1]
        self._capitals_tell = any(word[0].islower() for word in plain)

    def people(self, at: int) -> Name | None:
        first = self._person(at, self._weak)
        if first is None:
            return None
        end, people = first, 1
        while people < LONGEST and (joined := _AND.match(self._text, end)):
            surely = self._weak or self._is_small(joined.end())
            following = self._person(joined.end(), surely)
            if following is None:
                break
            end, people = following, people + 1
        return Name(at, end, people)

    def _person(self, at: int, surely: bool) -> int | None:
        """Where the name of one person that begins at `at` ends; None when there is none."""
        word = _WORD.match(self._text, at)
        if word is None or not self._may_begin(word, surely):
            return None
        end, known = word.end(), self._is_known(word[0])
        capital, count = word[0][0].isupper(), 1
        while count < LONGEST:
            gap = _GAP.match(self._text, end)
            word = _WORD.match(self._text, gap.end()) if gap else None
            if word is None:
                break
            plain = folded(word[0])
            if plain in self._words.particles and capital and _next_is_capital(self._text, word.end()):
                end, count = word.end(), count + 1
                continue
            follows = word[0][0].isupper() if capital else (count == 1 or known)
            if not follows or len(plain) < 2 or self._is_no_name(plain):
                break
            known = known and self._is_known(word[0])
            end, count = word.end(), count + 1
        return end

    def _may_begin(self, word: re.Match[str], surely: bool) -> bool:
        plain, capital = folded(word[0]), word[0][0].isupper() and self._capitals_tell
        if len(plain) < 2:
            return False
        if self._is_no_name(plain):
            return not surely and capital and plain not in self._not_names and _next_is_capital(self._text, word.end())
        if not surely:
            return True
        return self._is_known(word[0]) or (capital and not word[0].isupper())

    def _is_known(self, word: str) -> bool:
        return all(part in self._words.first_names for part in [folded(word)]) or all(
            part in self._words.first_names for part in folded(word).split("-")
        )

    def _is_no_name(self, plain: str) -> bool:
        return plain in self._words.no_names or plain in self._not_names

    def _is_small(self, at: int) -> bool:
        return at < len(self._text) and self._text[at].islower()


def _next_is_capital(text: str, at: int) -> bool:
    return text[at : at + 1] == " " and text[at + 1 : at + 2].isupper()
