"""The rules of `finding.yml`, compiled: what says whose name it is, what a fact looks like, what stands before none."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.facts.names import folded
from bot.phrases import phrase_list

RULES = Path(__file__).with_name("finding.yml")
_GROUP = re.compile(r"(?<!\?P)<([a-z_]+)>")


@dataclass(frozen=True)
class Search:
    """An expression, tried only on texts that hold the pieces it cannot do without."""

    pattern: re.Pattern[str]
    needed: tuple[frozenset[str], ...]

    def matches(self, plain: str) -> Iterator[re.Match[str]]:
        """Where it matches in a folded text."""
        if all(any(piece in plain for piece in pieces) for pieces in self.needed):
            yield from self.pattern.finditer(plain)


@dataclass(frozen=True)
class Rule:
    """One way to tell something; the named groups of its pattern are facts."""

    whose: str
    search: Search
    not_after: re.Pattern[str] | None
    within: re.Pattern[str] | None
    sure: bool
    capital: bool
    """Its value begins with a capital letter."""


@dataclass(frozen=True)
class Cue:
    """What stands before a name, and whose name it then is."""

    whose: str
    search: Search
    weak: bool


@dataclass(frozen=True)
class Rules:
    """All of the file."""

    subjects: re.Pattern[str]
    names: tuple[Cue, ...]
    rules: tuple[Rule, ...]
    places: Search
    not_mine: re.Pattern[str]
    roles: re.Pattern[str]
    school_year: re.Pattern[str]
    children: re.Pattern[str]
    no_places: frozenset[str]


@cache
def load_rules(path: Path = RULES) -> Rules:
    """The rules in `path`, compiled. Raises KeyError for a <word> that has no list, re.error for a broken pattern."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    words: dict[str, str] = {}
    for name, entries in data["words"].items():
        words[name] = "(?:" + "|".join(_filled(entry, words) for entry in entries) + ")"

    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(rf"(?<!\w)(?:{_filled(pattern, words)})")

    def search(pattern: str) -> Search:
        ready = compiled(pattern)
        unnamed = re.sub(r"\(\?P<\w+>", "(?:", ready.pattern)
        return Search(ready, phrase_list([unnamed]).entries[0].needed)

    def maybe(rule: Mapping[str, Any], name: str) -> re.Pattern[str] | None:
        return compiled(rule[name]) if name in rule else None

    subjects = "|".join(
        rf"(?P<{whose}>(?:{'|'.join(_filled(one, words) for one in patterns)})(?!\w))"
        for whose, patterns in data["subjects"].items()
    )
    return Rules(
        subjects=re.compile(rf"(?<!\w)(?:{subjects})"),
        names=tuple(
            Cue(cue["whose"], search(rf"(?:{cue['pattern']})(?!\w)"), cue.get("weak", False)) for cue in data["names"]
        ),
        rules=tuple(
            Rule(
                rule["whose"],
                search(rule["pattern"]),
                maybe(rule, "not_after"),
                maybe(rule, "within"),
                not rule.get("unsure", False),
                rule.get("capital", False),
            )
            for rule in data["rules"]
        ),
        places=search(rf"(?:{'|'.join(data['places'])})(?!\w)"),
        not_mine=compiled(data["not_mine"]),
        roles=compiled("(?:<parent_role>|<kin_role>|<partner>|<kin>)(?!\\w)"),
        school_year=compiled("<school_year>(?!\\w)"),
        children=compiled("(?:<kin>|<young>)(?!\\w)"),
        no_places=frozenset(folded(data["no_places"]).split()),
    )


def _filled(pattern: str, words: Mapping[str, str]) -> str:
    return _GROUP.sub(lambda match: words[match[1]], _plain(pattern))


def _plain(pattern: str) -> str:
    """A pattern with the letters of a folded text; what is ASCII in it may mean something and stays."""
    return "".join(character if character.isascii() else folded(character) for character in pattern)
