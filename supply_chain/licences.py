"""The licence of every locked package, held against what fits a program under Apache-2.0.

`licences.yml` is what was read and decided. What an installed package says of itself is left to the tests: the list
must come out the same on every machine.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from supply_chain.locks import INSTALLED, LOCKS, Locked, normalised

LIST = Path(__file__).with_name("licences.yml")
_WORDS = re.compile(r"[A-Za-z0-9.+-]+")
_OPERATORS = {"AND", "OR", "WITH"}


@dataclass(frozen=True)
class Licences:
    """`packages`: package -> SPDX expression. `tests_only`: package -> why its licence will do for tests alone."""

    permissive: frozenset[str]
    separate: Mapping[str, str]
    tests_only: Mapping[str, str]
    packages: Mapping[str, str]


def load_licences(path: Path = LIST) -> Licences:
    """Reads the list. Raises KeyError or yaml.YAMLError when it is not one."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Licences(
        permissive=frozenset(data["permissive"]),
        separate=data["separate"],
        tests_only={normalised(name): why for name, why in data["tests_only"].items()},
        packages={normalised(name): expression for name, expression in data["packages"].items()},
    )


def judge(licences: Licences, locked: Mapping[str, Iterable[Locked]]) -> list[str]:
    """What is wrong, one line each: packages without a licence, with one that does not fit, or no longer locked."""
    where = {(package.name, lock) for lock, packages in locked.items() for package in packages if package.version}
    found = [
        f"licences.yml: {name} is no longer locked" for name in licences.packages.keys() - {name for name, _ in where}
    ]
    known = licences.permissive | licences.separate.keys()
    for name, lock in sorted(where):
        expression = licences.packages.get(name)
        if expression is None:
            found.append(f"{lock}: licences.yml has no licence for {name}")
            continue
        unknown = identifiers(expression) - known
        if unknown and (name not in licences.tests_only or LOCKS[lock] in INSTALLED):
            found.append(f"{lock}: {name} is under {', '.join(sorted(unknown))}")
    return found


def identifiers(expression: str) -> set[str]:
    """The licences (and exceptions) that an SPDX expression names."""
    return set(_WORDS.findall(expression)) - _OPERATORS
