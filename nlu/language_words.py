"""The words that help to tell a language, read from `language_words.yml`. What they count for is left to `language`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Words:
    """What the file holds, in small letters; the file says what each list is for."""

    common: Mapping[str, frozenset[str]]
    unmistakable: Mapping[str, str]
    service: tuple[str, ...]
    anybodys: frozenset[str]
    in_names: frozenset[str]


@cache
def load_words() -> Words:
    """The words, read once."""
    content = yaml.safe_load(Path(__file__).with_name("language_words.yml").read_text("utf-8"))
    return Words(
        common={language: frozenset(words.split()) for language, words in content["common"].items()},
        unmistakable={word: language for language, words in content["unmistakable"].items() for word in words.split()},
        service=tuple(content["service"].split()),
        anybodys=frozenset(content["anybodys"].split()),
        in_names=frozenset(content["in_names"].split()),
    )
