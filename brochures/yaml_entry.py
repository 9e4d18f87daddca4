"""Reading one entry of a YAML file with errors that name the file, the entry and the reason.

Knows about texts, dates and lists, not about brochures: what the entries mean is for `loader.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from brochures.brochure import LANGUAGES, BrochureError, Texts

_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Entry:
    """A mapping in a YAML file, with the file and the place in it for error messages."""

    file: Path
    name: str
    values: Mapping[str, Any]

    def error(self, reason: str) -> BrochureError:
        """Return the error to raise for this entry."""
        return BrochureError(self.file, self.name or "the file", reason)

    def only(self, *keys: str) -> None:
        """Raise BrochureError when the entry has a key that is not among `keys` (most often a misspelt one)."""
        for key in self.values:
            if key not in keys:
                raise self.error(f"unknown key '{key}'; the keys are {', '.join(keys)}")

    def text(self, key: str) -> str:
        """Return the text under `key` on one line; raises BrochureError when it is missing, empty or no text."""
        value = self.optional_text(key)
        if value is None:
            raise self.error(f"'{key}' is missing")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return the text under `key` on one line, or None when there is none."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"'{key}' must be a text, put it in quotes if it looks like a number")
        return " ".join(value.split())

    def day(self, key: str) -> date:
        """Return the date under `key`; raises BrochureError when it is missing or not written YYYY-MM-DD."""
        value = self.optional_day(key)
        if value is None:
            raise self.error(f"'{key}' is missing")
        return value

    def optional_day(self, key: str) -> date | None:
        """Return the date under `key`, or None when there is none."""
        value = self.values.get(key)
        if value is not None and type(value) is not date:
            raise self.error(f"'{key}' must be a date written YYYY-MM-DD")
        return value

    def names(self, key: str) -> tuple[str, ...]:
        """Return the list of names under `key`; a missing list is empty, a repeated name is an error."""
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.error(f"'{key}' must be a list of names")
        if len(set(values)) != len(values):
            raise self.error(f"'{key}' has the same name twice")
        return tuple(values)

    def texts(self, key: str) -> Texts:
        """Return the texts under `key`, one for each language; raises BrochureError when a language is missing."""
        entry = self.child(key)
        entry.only(*LANGUAGES)
        return MappingProxyType({language: entry.text(language) for language in LANGUAGES})

    def optional_texts(self, key: str) -> Texts | None:
        """Return the texts under `key`, one for each language, or None when there are none."""
        return None if self.values.get(key) is None else self.texts(key)

    def child(self, key: str) -> "Entry":
        """Return the mapping under `key`; raises BrochureError when it is missing or not a mapping."""
        return as_entry(self.file, f"{self.name}.{key}" if self.name else key, self.values.get(key))

    def children(self, key: str) -> "Iterator[tuple[str, Entry]]":
        """Yield the named mappings under `key`, in the order of the file."""
        parent = self.child(key)
        for name in parent.values:
            yield name, parent.child(name)

    def items(self, key: str) -> "Iterator[Entry]":
        """Yield the mappings of the list under `key`; a missing list is empty."""
        values = self.values.get(key, [])
        if not isinstance(values, list):
            raise self.error(f"'{key}' must be a list")
        for number, value in enumerate(values, start=1):
            yield as_entry(self.file, f"{key} {number}", value)


def as_entry(file: Path, name: str, value: object) -> Entry:
    """Return `value` as an Entry; raises BrochureError when it is not a mapping with names as keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise BrochureError(file, name, "must be a mapping with names as keys")
    return Entry(file, name, value)


def read_file(file: Path) -> Entry:
    """Return the whole of a YAML file as an Entry.

    Raises BrochureError when the file is missing, is not YAML, is no mapping, or has the same key twice (YAML itself
    would silently keep the last).
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BrochureError(file, "the file", f"cannot be read ({error})") from error
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise BrochureError(file, "the file", "is empty")
        _refuse_repeated_keys(file, root)
        value: object = loader.construct_document(root)
    except yaml.YAMLError as error:
        raise BrochureError(file, "the file", f"is not valid YAML ({' '.join(str(error).split())})") from error
    finally:
        loader.dispose()
    return Entry(file, "", as_entry(file, "the file", value).values)


def _refuse_repeated_keys(file: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(file, item)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise BrochureError(file, f"line {line}", f"'{key.value}' stands twice in the same mapping")
            seen.add(key.value)
            _refuse_repeated_keys(file, value)
