"""Finding names in text forgivingly: services, municipalities, languages and who writes.

Pure matching over the YAML files of the lexicon directory, without Rasa. Forgiven are missing
diacritics, a few spelling mistakes, split compounds ("kontakt person") and any Swedish ending. What
the message wants (its intent) is not decided here.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

import yaml

from components.spelling import consonants, consonants_apart, spelling_distance
from components.text import fold

LEXICON_DIRECTORY = Path(__file__).resolve().parent.parent / "lexicon"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_ARABIC_SCRIPT = "\u0590"  # the scripts before it are written with their vowels, so a mistake can be told
_ARABIC_PREFIX = re.compile(r"^(?:و|ف)?(?:ب|ل|ك)?(?:ال|ل)?(?=..)")
_WINDOW = 3
_SHORTEST_FORGIVEN = 5  # letters of a word in a phrase
_QUALIFIED = "sarskilt_kvalificerad_kontaktperson"


@dataclass(frozen=True)
class Found:
    """One entity in a text; `start` and `end` are character positions, `end` not included."""

    name: str
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class _Word:
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class _Phrase:
    parts: Tuple[str, ...]
    value: str

    def matches(self, words: Sequence[_Word], at: int) -> bool:
        """Whether the phrase stands at that word."""
        if at + len(self.parts) > len(words):
            return False
        return all(_part_matches(part, words[at + step].text) for step, part in enumerate(self.parts))


class Lexicon:
    """The lexicon, ready to search. Immutable after construction, so safe from several threads."""

    def __init__(self, directory: Path) -> None:
        """Reads the four files of `directory`."""
        services = _read(directory / "services.yml")
        endings: List[str] = services["endings"]
        self._never = frozenset(fold(word) for word in services["never"])
        self._forms: Dict[str, str] = {}
        for service, entry in services["services"].items():
            for word in entry["words"]:
                self._forms.update({fold(word) + ending: service for ending in endings})
        self._forms_by_start: Dict[str, Dict[int, List[Tuple[str, int, str]]]] = {}
        for form, service in self._forms.items():
            by_length = self._forms_by_start.setdefault(form[0], {})
            by_length.setdefault(len(form), []).append((form, consonants(form), service))
        self._phrases = _phrases({service: entry["phrases"] for service, entry in services["services"].items()})
        self._parts_by_start: Dict[str, Dict[str, int]] = {}
        self._phrases_by_part: Dict[str, List[_Phrase]] = {}
        for phrase in sorted(set().union(*self._phrases.values()), key=lambda phrase: (phrase.parts, phrase.value)):
            self._phrases_by_part.setdefault(phrase.parts[0], []).append(phrase)
            for part in phrase.parts:
                self._parts_by_start.setdefault(part[0], {})[part] = consonants(part.rstrip("*"))
        self._adult_markers = _patterns(services["adult"]["markers"])
        self._adult_blockers = _patterns(services["adult"]["blockers"])
        self._offering = _patterns(services["adult"]["offering"])
        self._needing = _patterns(services["adult"]["needing"])
        self._own = _patterns(services["adult"]["own"])
        self._municipalities = {
            fold(name): municipality
            for municipality, names in _read(directory / "municipalities.yml").items()
            for name in names
        }
        self._languages = _phrases(_read(directory / "languages.yml"))
        self._roles = {role: _patterns(patterns) for role, patterns in _read(directory / "roles.yml").items()}
        self._near_parts = lru_cache(maxsize=4096)(self._find_near_parts)
        self._nearest_form = lru_cache(maxsize=4096)(self._find_nearest_form)
        self._municipality = lru_cache(maxsize=4096)(self._find_municipality)
        # A text is searched twice: for what the embedding is given, and for the entities.
        self._search_folded = lru_cache(maxsize=64)(self._find_all)

    def search(self, text: str) -> List[Found]:
        """All entities of a cleaned text in their order, each value once."""
        return list(self._search_folded(fold(text)))

    def _find_all(self, folded: str) -> Tuple[Found, ...]:
        words = [_Word(match.group(), match.start(), match.end()) for match in _WORD.finditer(folded)]
        found = self._services(words, folded) + self._named(words) + self._role(folded)
        first: Dict[Tuple[str, str], Found] = {}
        for entity in sorted(found, key=lambda entity: (entity.start, entity.end)):
            first.setdefault((entity.name, entity.value), entity)
        return tuple(first.values())

    def _services(self, words: Sequence[_Word], folded: str) -> List[Found]:
        found: List[Found] = []
        at = 0
        while at < len(words):
            value, length = self._service_at(words, at)
            if value is not None:
                entity = Found("service", value, words[at].start, words[at + length - 1].end)
                qualified = found and found[-1].value == _QUALIFIED and entity.start - found[-1].end <= 1
                if qualified and value == "kontaktperson":
                    found[-1] = Found("service", _QUALIFIED, found[-1].start, entity.end)
                else:
                    found.append(entity)
            at += length
        return self._for_adults(found, folded)

    def _service_at(self, words: Sequence[_Word], at: int) -> Tuple[Optional[str], int]:
        """The service that begins at a word, and how many words it takes."""
        phrase = _longest_phrase(self._phrases, words, at)
        if words[at].text in self._never and (phrase is None or phrase.parts[0].rstrip("*") != words[at].text):
            return None, 1
        if phrase is not None:
            return phrase.value, len(phrase.parts)
        best: Tuple[float, int, Optional[str]] = (99.0, 1, None)
        for length in range(1, min(_WINDOW, len(words) - at) + 1):
            window = words[at : at + length]
            if any(word.text in self._never for word in window):
                break
            distance, value = self._nearest_form("".join(word.text for word in window), length > 1)
            if value is not None and distance < best[0]:
                best = (distance, length, value)
        return (best[2], best[1]) if best[2] is not None else self._nearest_phrase(words, at)

    def _nearest_phrase(self, words: Sequence[_Word], at: int) -> Tuple[Optional[str], int]:
        """The phrase nearest to what stands at a word, each long word of it forgiven one mistake."""
        best: Tuple[float, int, Optional[str]] = (99.0, 1, None)
        for first in self._near_parts(words[at].text):
            for phrase in self._phrases_by_part.get(first, ()):
                window = [word.text for word in words[at : at + len(phrase.parts)]]
                if len(window) == len(phrase.parts):
                    mistakes = sum(
                        self._near_parts(word).get(part, 99.0) for part, word in zip(phrase.parts, window, strict=True)
                    )
                    if mistakes < best[0] and mistakes <= _forgiven(len("".join(window)), False):
                        best = (mistakes, len(window), phrase.value)
        return best[2], best[1]

    def _find_near_parts(self, written: str) -> Dict[str, float]:
        """The words of phrases that `written` may be, each with its mistakes (at most one)."""
        if written[0] >= _ARABIC_SCRIPT:
            return {}
        parts = self._parts_by_start.get(written[0], {})
        near = {part: 0.0 for part in parts if _part_matches(part, written)}
        if len(written) >= _SHORTEST_FORGIVEN - 1 and written not in near and written not in self._never:
            own = consonants(written)
            for part, others in parts.items():
                if part not in near and (others & ~own).bit_count() <= 1 and (cost := _mistakes(part, written)) <= 1:
                    near[part] = cost
        return near

    def _find_nearest_form(self, written: str, split: bool) -> Tuple[float, Optional[str]]:
        if written in self._forms:
            return 0.0, self._forms[written]
        allowed = _forgiven(len(written), split)
        best: Tuple[float, Optional[str]] = (allowed + 0.01, None)
        by_length = self._forms_by_start.get(written[0], {})
        if allowed <= 0 or not by_length:
            return best
        written_consonants, slack = consonants(written), int(allowed + 1)
        for length in range(len(written) - slack, len(written) + slack + 1):
            for form, form_consonants, service in by_length.get(length, ()):
                if consonants_apart(form_consonants, written_consonants) < best[0]:
                    distance = spelling_distance(written, form, best[0])
                    if distance < best[0]:
                        best = (distance, service)
        return best

    def _for_adults(self, found: List[Found], folded: str) -> List[Found]:
        plain = [entity.value for entity in found]
        if "kontaktperson" not in plain or not self._is_about_adults(folded):
            return found
        return [
            Found(entity.name, "kontaktperson_vuxen", entity.start, entity.end)
            if entity.value == "kontaktperson"
            else entity
            for entity in found
        ]

    def _is_about_adults(self, folded: str) -> bool:
        if _any(self._offering, folded) and not _any(self._needing, folded):
            for pattern in self._own:
                folded = pattern.sub(" ", folded)
        for pattern in self._adult_blockers:
            folded = pattern.sub(" ", folded)
        return _any(self._adult_markers, folded)

    def _named(self, words: Sequence[_Word]) -> List[Found]:
        found: List[Found] = []
        for at, word in enumerate(words):
            municipality = self._municipality(word.text)
            if municipality is not None:
                found.append(Found("municipality", municipality, word.start, word.end))
            phrase = _longest_phrase(self._languages, words, at)
            if phrase is not None:
                found.append(Found("language", phrase.value, word.start, words[at + len(phrase.parts) - 1].end))
        return found

    def _find_municipality(self, written: str) -> Optional[str]:
        if written in self._municipalities:
            return self._municipalities[written]
        if len(written) < 6:
            return None
        for name, municipality in self._municipalities.items():
            if len(name) >= 6 and name[0] == written[0] and spelling_distance(written, name, 1.01) <= 1:
                return municipality
        return None

    def _role(self, folded: str) -> List[Found]:
        for role, patterns in self._roles.items():
            for pattern in patterns:
                match = pattern.search(folded)
                if match:
                    return [Found("role", role, match.start(), match.end())]
        return []


@lru_cache(maxsize=1)
def shared_lexicon() -> Lexicon:
    """The project's lexicon, read once per process."""
    return Lexicon(LEXICON_DIRECTORY)


def _forgiven(length: int, split: bool) -> float:
    """Mistakes forgiven in a word of that length (a wrong vowel or a doubled letter counts half)."""
    if split:
        return 1.0 if length >= 11 else 0.5
    if length < 8:
        return 0.0
    return 1.0 if length < 10 else 1.5 if length < 12 else 2.0


def _part_matches(part: str, word: str) -> bool:
    if part.endswith("*"):
        return word.startswith(part[:-1])
    return word == part or (not word.isascii() and _ARABIC_PREFIX.sub("", word) == _ARABIC_PREFIX.sub("", part))


def _phrases(table: Mapping[str, Sequence[str]]) -> Dict[str, FrozenSet[_Phrase]]:
    """Phrases by the first two letters of their first word (without an Arabic article)."""
    index: Dict[str, List[_Phrase]] = {}
    for value, written in table.items():
        for phrase in written:
            parts = tuple(fold(part) for part in phrase.split())
            index.setdefault(_start(parts[0]), []).append(_Phrase(parts, value))
    return {start: frozenset(phrases) for start, phrases in index.items()}


def _mistakes(part: str, written: str) -> float:
    """Mistakes in `written` if it was meant to be that word of a phrase, 99 if it was not.

    The last letter stands, unless the last two have changed places: a different ending is another
    word ("contact" and "contacta"), not a mistake.
    """
    meant = part.rstrip("*")
    if len(meant) < _SHORTEST_FORGIVEN or abs(len(meant) - len(written)) > (1 if meant == part else 99):
        return 99.0
    longest = min(len(written), len(meant) + 1)
    beginnings = [written[:length] for length in range(len(meant) - 1 if meant != part else len(written), longest + 1)]
    ends = [some for some in beginnings if some[-1] == meant[-1] or sorted(some) == sorted(meant)]
    return min((spelling_distance(some, meant, 1.01) for some in ends), default=99.0)


def _start(word: str) -> str:
    bare = word if word.isascii() else _ARABIC_PREFIX.sub("", word)
    return bare[:2]


def _longest_phrase(index: Mapping[str, FrozenSet[_Phrase]], words: Sequence[_Word], at: int) -> Optional[_Phrase]:
    matching = [phrase for phrase in index.get(_start(words[at].text), ()) if phrase.matches(words, at)]
    return max(matching, key=lambda phrase: (len(phrase.parts), phrase.parts), default=None)


def _any(patterns: Sequence["re.Pattern[str]"], folded: str) -> bool:
    return any(pattern.search(folded) for pattern in patterns)


def _patterns(written: Sequence[str]) -> Tuple["re.Pattern[str]", ...]:
    return tuple(re.compile(pattern) for pattern in written)


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))
