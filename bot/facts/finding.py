"""What a sentence tells about people: names, numbers, ages, where they live, what they offer – and whose it is.

From the text alone, by the rules in `finding.yml`; libraries check numbers, addresses and dates. Nothing is kept here,
and nothing is decided: which question a fact may answer is `form.proposing`'s matter.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from bot.facts.names import folded, name_words, read_name
from bot.facts.rules import Rule, load_rules
from forms.answer_error import AnswerError
from forms.birth_dates import read_birth_date
from forms.identifiers import read_email, read_personnummer, read_phone, read_postcode
from forms.school_years import read_school_year

WHOSE = ("writer", "child", "household", "adult", "unknown")
"""Who a fact is about: whoever writes; a child spoken of; the writer's own people; another grown-up; nobody told."""
LONGEST = 4_000
"""Characters read; nobody says who they are after that."""

_BEFORE = 90
"""Characters before a fact that may tell that it is none."""
_PHONE = re.compile(
    r"(?<![\w@+/-])(?!\d{1,2}[.:]\d{2} ?[-–] ?\d{1,2}[.:]\d{2})"  # no hours: 08.30-16.00
    r"(?:\+|00?)[0-9](?:[ ()./-]{0,3}[0-9]){6,13}(?![\w@]|-[0-9])"
)
_EMAIL = re.compile(r"[^\s@<>,;:()\"]+@[^\s@<>,;:()\"]+\.[^\W\d_]{2,}")
_PERSONNUMMER = re.compile(r"(?<![\w-])(?:(?:19|20)?[0-9]{2}[01][0-9][0-9]{2})[-+–− ]?[0-9]{4}(?![\w-])")
_NUMBER_KINDS: Mapping[str, Callable[[str, str, date], object]] = {
    "date": read_birth_date,
    "postcode": lambda value, language, today: read_postcode(value),
    "school_year": lambda value, language, today: read_school_year(value),
}
"""Kinds that a library or a reader of the forms has the last word about."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing told. `value` as it stands in the text; `start`, `end`: where it and the words that tell it stand."""

    kind: str
    """name, phone, email, personnummer, date, age, school_year, school, municipality, place, postcode, service, role,
    frequency, wished_age, household, animals, languages, interpreter_language, or offer: that help is offered."""
    value: str
    whose: str
    """One of WHOSE."""
    sure: bool
    start: int
    end: int
    people: int = 1
    """How many share it: two in "Amir och Sofia Lindqvist"."""


def find_facts(
    text: str, language: str, today: date, *, municipalities: Collection[str] = (), awaited: str | None = None
) -> tuple[Fact, ...]:
    """The facts in `text`, in its order, each piece of the text counted once.

    `municipalities`: the names that are known to be some. `awaited`: what was asked for (a name, a school year), which
    then may stand at the very beginning without a cue.
    """
    text = text[:LONGEST]
    finder = _Finder(text, language, today, tuple(municipalities))
    return finder.facts(awaited)


class _Finder:
    """One text with its folded twin of the same length, and who is spoken of where."""

    def __init__(self, text: str, language: str, today: date, municipalities: tuple[str, ...]) -> None:
        self._text = text
        self._plain = folded(text)
        self._language = language
        self._today = today
        self._rules = load_rules()
        self._municipalities = frozenset(folded(name) for name in municipalities)
        self._subjects = self._spoken_of()

    def facts(self, awaited: str | None) -> tuple[Fact, ...]:
        numbers = [*self._personnummer(), *self._addresses()]
        taken = [(fact.start, fact.end) for fact in numbers]
        names = list(self._names(awaited))
        told = [*numbers, *names, *self._by_rule(names, taken), *self._places(names)]
        return tuple(sorted(_once(told), key=lambda fact: (fact.start, fact.end)))

    # --- who is spoken of
    def _spoken_of(self) -> tuple[tuple[int, str], ...]:
        found: list[tuple[int, str]] = []
        other = "child"
        for match in self._rules.subjects.finditer(self._plain):
            whose = match.lastgroup or "unknown"
            whose = other if whose == "pronoun" else whose
            if whose != "writer":
                other = whose
            found.append((match.start(), whose))
        return tuple(found)

    def _owner(self, at: int, whose: str = "owner") -> str:
        """Whose something at `at` is: as the rule says, or of whoever was spoken of last; a pronoun is no writer."""
        if whose not in ("owner", "pronoun"):
            return whose
        before = [subject for start, subject in self._subjects if start < at]
        if whose == "pronoun":
            before = [subject for subject in before if subject != "writer"] or ["child"]
        return before[-1] if before else "unknown"

    # --- numbers and addresses
    def _personnummer(self) -> Iterator[Fact]:
        for match in _PERSONNUMMER.finditer(self._text):
            try:
                read_personnummer(match[0], self._today)
            except AnswerError:
                continue
            yield Fact("personnummer", match[0], self._owner(match.start()), True, *match.span())

    def _addresses(self) -> Iterator[Fact]:
        for kind, pattern, read in (("phone", _PHONE, read_phone), ("email", _EMAIL, read_email)):
            for match in pattern.finditer(self._text):
                try:
                    read(match[0])
                except AnswerError:
                    continue
                before = self._plain[max(0, match.start() - _BEFORE) : match.start()]
                whose = "adult" if self._rules.not_mine.search(before) else "writer"
                yield Fact(kind, match[0].rstrip("."), whose, True, *match.span())

    # --- names and places
    def _names(self, awaited: str | None) -> Iterator[Fact]:
        cues = [(cue, match) for cue in self._rules.names for match in cue.search.matches(self._plain)]
        for cue, match in sorted(cues, key=lambda found: (found[0].weak, found[1].start())):
            name = read_name(self._text, match.end(), weak=cue.weak, not_names=self._municipalities)
            if name is None:
                continue
            after = self._plain[name.end :].lstrip(" ")
            whose = self._owner(match.start() + 1, cue.whose)
            whose = "writer" if whose == "unknown" else whose
            value = self._text[name.start : name.end]
            if cue.weak and self._rules.roles.match(after) and value.endswith("s"):
                yield Fact("name", _without_s(value), "child", True, name.start, name.end)
                continue
            yield Fact("name", value, whose, True, match.start(), name.end, name.people)
        if awaited == "school_year" and (year := self._rules.school_year.match(self._plain)):
            yield Fact("school_year", self._text[: year.end()], "unknown", False, *year.span())
        if awaited == "name" and (name := read_name(self._text, 0, weak=False, not_names=self._municipalities)):
            yield Fact("name", self._text[: name.end].strip(" ,"), "writer", False, 0, name.end, name.people)

    def _places(self, names: list[Fact]) -> Iterator[Fact]:
        for match in self._rules.places.matches(self._plain):
            place = read_name(self._text, match.end(), weak=False, not_names=self._rules.no_places)
            if place is not None and place.people == 1:
                yield self._place(match.start(), place.start, place.end)
        after_name = {
            match.end(): fact.start
            for fact in names
            if fact.whose == "writer"
            for match in [re.compile(r",? (?:i|fran|in|from) ").match(self._plain, fact.end)]
            if match
        }
        for at in after_name:
            word = re.compile(r"[^\W\d_]+").match(self._text, at)
            known = word is not None and self._known_place(word[0])
            capital = word is not None and word[0][0].isupper() and folded(word[0]) not in self._rules.no_places
            if word is not None and (known or capital):
                yield self._place(at - 2, at, word.end())
        for name in self._municipalities:
            for match in re.finditer(rf"(?<!\w){re.escape(name)}s?(?!\w)", self._plain):
                yield Fact("municipality", self._text[match.start() : match.end()], "unknown", False, *match.span())

    def _place(self, begins: int, start: int, end: int) -> Fact:
        value = self._text[start:end]
        kind = "municipality" if self._known_place(value) else "place"
        return Fact(kind, value, "writer", True, begins, end)

    def _known_place(self, value: str) -> bool:
        return folded(value) in self._municipalities

    # --- all the rest
    def _by_rule(self, names: list[Fact], taken: list[tuple[int, int]]) -> Iterator[Fact]:
        for rule in self._rules.rules:
            for match in rule.search.matches(self._plain):
                before = self._plain[max(0, match.start() - _BEFORE) : match.start()]
                if rule.not_after and rule.not_after.search(before):
                    continue
                if rule.within and not rule.within.search(before):
                    continue
                if any(start < match.end() and match.start() < end for start, end in taken):
                    continue
                yield from self._groups(rule, match, names)

    def _groups(self, rule: Rule, match: re.Match[str], names: list[Fact]) -> Iterator[Fact]:
        for kind, plain in match.groupdict().items():
            if plain is None:
                continue
            start, end = match.span(kind)
            value = self._text[start:end].strip(" ,(")
            whose = "household" if kind == "household" else self._owner(start, rule.whose)
            if rule.whose == "named":
                word = match[0].split()[0].strip(",")
                named = [fact for fact in names if folded(fact.value).split()[-1] == word]
                if not named:
                    continue
                whose = named[0].whose
            if value and self._is_valid(kind, value) and (value[0].isupper() or not rule.capital):
                yield Fact(kind, value, whose, rule.sure and whose != "unknown", match.start(), match.end())

    def _is_valid(self, kind: str, value: str) -> bool:
        read = _NUMBER_KINDS.get(kind)
        if read is None:
            return True
        try:
            read(value, self._language, self._today)
        except AnswerError:
            return False
        return True


def _without_s(value: str) -> str:
    """A name without its genitive s: "Alis" -> "Ali"; "Elias" has none to lose."""
    known = name_words().first_names
    return value if folded(value) in known and folded(value[:-1]) not in known else value[:-1]


def _once(found: list[Fact]) -> list[Fact]:
    """Each value once: the first of those that stand in the same place, and the longest of those inside each other."""
    kept: list[Fact] = []
    for fact in found:
        over = (one for one in kept if one.kind == fact.kind and one.start < fact.end and fact.start < one.end)
        same = next(over, None)
        if same is None:
            kept.append(fact)
        elif fact.kind in ("service", "household") and len(fact.value) > len(same.value):
            kept[kept.index(same)] = replace(fact, start=min(fact.start, same.start), end=max(fact.end, same.end))
    return kept
