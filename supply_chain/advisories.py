"""The offline list of known weaknesses, held against the lock files.

`advisories.yml` says which versions of which packages are affected and what was decided; `judge` finds locked versions
that are affected without a decision, and decisions that no longer fit what is locked. What is not in the list is not
found: asking an advisory service is left to `audit`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from supply_chain.locks import LOCKS, Locked, normalised

LIST = Path(__file__).with_name("advisories.yml")
MOST_DAYS = 90
DECISIONS = ("kept_out", "accepted")


class AdvisoryListError(Exception):
    """The list cannot be used; the message says where and why."""


@dataclass(frozen=True)
class Advisory:
    """A weakness, or several that are met in the same way.

    `kept_out`: no lock file may have an affected version. `accepted`: `lock` may have `version`, for the given reason.
    """

    packages: tuple[str, ...]
    ids: tuple[str, ...]
    affected: tuple[SpecifierSet, ...]
    decision: str
    version: str
    lock: str
    reviewed: date

    def affects(self, package: Locked) -> bool:
        """Whether a locked package has the weakness."""
        return package.name in self.packages and any(
            versions.contains(package.version, prereleases=True) for versions in self.affected
        )

    def accepts(self, package: Locked) -> bool:
        """Whether exactly this version, in this lock file, has been accepted."""
        return (self.decision, self.version, self.lock) == ("accepted", package.version, package.lock)


@dataclass(frozen=True)
class OldPin:
    """A version that cannot be raised: what holds it, and what contains it (keys of `containment`)."""

    packages: tuple[str, ...]
    version: str
    lock: str
    held_by: str
    contained_by: tuple[str, ...]
    reviewed: date


@dataclass(frozen=True)
class AdvisoryList:
    """The whole list. `containment` says in a sentence what each key in `OldPin.contained_by` stands for."""

    reviewed: date
    containment: Mapping[str, str]
    old_pins: tuple[OldPin, ...]
    advisories: tuple[Advisory, ...]

    def accepted_ids(self, lock: str) -> list[str]:
        """The ids that have been accepted for a lock file."""
        accepted = (known for known in self.advisories if known.decision == "accepted" and known.lock == lock)
        return sorted({name for known in accepted for name in known.ids})


def load_list(path: Path = LIST) -> AdvisoryList:
    """Reads the list. Raises AdvisoryListError."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        loaded = AdvisoryList(
            reviewed=_day(data["reviewed"]),
            containment={str(key): str(text) for key, text in data["containment"].items()},
            old_pins=tuple(_old_pin(entry) for entry in data["old_pins"]),
            advisories=tuple(_advisory(entry) for entry in data["advisories"]),
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, InvalidSpecifier) as error:
        raise AdvisoryListError(f"{path.name}: {type(error).__name__}: {' '.join(str(error).split())}") from None
    for pin in loaded.old_pins:
        if unknown := set(pin.contained_by) - loaded.containment.keys():
            raise AdvisoryListError(f"{path.name}: {pin.packages[0]}: no containment is called {sorted(unknown)}")
    return loaded


def judge(known: AdvisoryList, locked: Mapping[str, Iterable[Locked]]) -> list[str]:
    """What is wrong, one line each: affected versions nobody accepted, and decisions that fit no lock file."""
    everything = [package for packages in locked.values() for package in packages if package.version]
    held = {(package.name, package.version, package.lock) for package in everything}
    found = []
    for package in everything:
        for advisory in known.advisories:
            if advisory.affects(package) and not advisory.accepts(package):
                found.append(
                    f"{package.lock}: {package.name} {package.version} is affected by {', '.join(advisory.ids)}"
                )
    explained = {(name, pin.version, pin.lock) for pin in known.old_pins for name in pin.packages}
    for name, version, lock in sorted(explained - held):
        found.append(f"stale: {lock} no longer has {name} {version}, which is explained as an old pin")
    for advisory in known.advisories:
        if advisory.decision != "accepted":
            continue
        for name in advisory.packages:
            entry = (name, advisory.version, advisory.lock)
            if entry not in held:
                found.append(f"stale: {advisory.lock} no longer has {name} {advisory.version} ({advisory.ids[0]})")
            elif not any(advisory.affects(package) for package in everything if package.name == name):
                found.append(f"stale: {name} {advisory.version} is not affected by {advisory.ids[0]}")
            if entry not in explained:
                found.append(f"{name} {advisory.version} ({advisory.ids[0]}) is accepted, but no old pin explains it")
    return found


def overdue(known: AdvisoryList, today: date) -> list[str]:
    """What was reviewed more than `MOST_DAYS` days ago, or on a day that has not come, one line each."""
    days = {"the list": known.reviewed}
    days |= {f"{pin.packages[0]} {pin.version}": pin.reviewed for pin in known.old_pins}
    days |= {f"{advisory.packages[0]}: {advisory.ids[0]}": advisory.reviewed for advisory in known.advisories}
    late = [f"{what} was last reviewed on {day}" for what, day in days.items() if (today - day).days > MOST_DAYS]
    return late + [f"{what} says {day}, which has not come yet" for what, day in days.items() if day > today]


def _old_pin(entry: Mapping[str, object]) -> OldPin:
    return OldPin(
        packages=_packages(entry),
        version=str(entry["version"]),
        lock=_lock(entry),
        held_by=_text(entry, "held_by"),
        contained_by=_texts(entry, "contained_by"),
        reviewed=_day(entry["reviewed"]),
    )


def _advisory(entry: Mapping[str, object]) -> Advisory:
    decision = str(entry["decision"])
    if decision not in DECISIONS:
        raise AdvisoryListError(f"{_packages(entry)[0]}: a decision is one of {', '.join(DECISIONS)}, not {decision}")
    for field in ("what", "why"):
        _text(entry, field)
    accepted = decision == "accepted"
    return Advisory(
        packages=_packages(entry),
        ids=_texts(entry, "ids"),
        affected=tuple(SpecifierSet(versions) for versions in _texts(entry, "affected")),
        decision=decision,
        version=str(entry["version"]) if accepted else "",
        lock=_lock(entry) if accepted else "",
        reviewed=_day(entry["reviewed"]),
    )


def _packages(entry: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(normalised(name) for name in _texts(entry, "packages"))


def _lock(entry: Mapping[str, object]) -> str:
    lock = str(entry["lock"])
    if lock not in LOCKS:
        raise AdvisoryListError(f"{_packages(entry)[0]}: there is no lock file {lock}")
    return lock


def _text(entry: Mapping[str, object], field: str) -> str:
    if not isinstance(text := entry[field], str) or not text.strip():
        raise AdvisoryListError(f"{_packages(entry)[0]}: {field} is empty")
    return text.strip()


def _texts(entry: Mapping[str, object], field: str) -> tuple[str, ...]:
    texts = entry[field]
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise AdvisoryListError(f"{entry.get('packages')}: {field} must be a list of texts")
    return tuple(texts)


def _day(value: object) -> date:
    if type(value) is not date:
        raise AdvisoryListError(f"not a date: {value}")
    return value
