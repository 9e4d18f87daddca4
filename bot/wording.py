"""Everything the bot says outside forms and brochure answers: one YAML file a language, all with the same keys.

A text is looked up by key and filled in with `str.format`; what a resident typed only ever goes in as a value, never
as part of the pattern.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import yaml

DIRECTORY = Path(__file__).parent / "wording"


class WordingError(Exception):
    """A wording file that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Wording:
    """The texts of one language."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key` with its values put in. Raises KeyError for a key that no file has."""
        return self.texts[key].format(**values)

    def has(self, key: str) -> bool:
        """Whether there is a text for `key`."""
        return key in self.texts


def fields(pattern: str) -> frozenset[str]:
    """The names a text wants filled in."""
    return frozenset(name for _, name, _, _ in Formatter().parse(pattern) if name)


def load_wordings(directory: Path = DIRECTORY) -> Mapping[str, Wording]:
    """Language id -> Wording. Raises WordingError unless all files have the same keys and the same fields."""
    wordings = {path.stem: Wording(path.stem, _flat(path)) for path in sorted(directory.glob("*.yml"))}
    model = wordings["sv"]
    for language, wording in wordings.items():
        missing = model.texts.keys() ^ wording.texts.keys()
        if missing:
            raise WordingError(f"wording/{language}.yml: differs from sv.yml in {', '.join(sorted(missing))}")
        for key, pattern in wording.texts.items():
            if fields(pattern) != fields(model.texts[key]):
                raise WordingError(f"wording/{language}.yml: {key}: other {{fields}} than in sv.yml")
    return wordings


def _flat(path: Path) -> dict[str, str]:
    """Nested groups become dotted keys: {"menu": {"help": …}} -> {"menu.help": …}."""
    tree = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    texts: dict[str, str] = {}

    def walk(prefix: str, node: object) -> None:
        if isinstance(node, dict):
            for key, child in node.items():
                walk(f"{prefix}.{key}" if prefix else str(key), child)
        elif isinstance(node, str):
            texts[prefix] = node.rstrip("\n")
        else:
            raise WordingError(f"wording/{path.name}: {prefix}: a text is expected, not {node!r}")

    walk("", tree)
    return texts
