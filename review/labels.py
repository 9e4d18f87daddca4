"""What staff read for statuses, reasons, channels, languages and times. The texts are data in the YAML files beside
this module."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from babel import Locale
from babel.dates import format_datetime

HERE = Path(__file__).parent
STOCKHOLM = ZoneInfo("Europe/Stockholm")
SWEDISH = Locale("sv")


@dataclass(frozen=True)
class Status:
    """One status as staff see it; `tone` names its colour in the style sheet."""

    label: str
    description: str
    tone: str


@dataclass(frozen=True)
class Reason:
    """Why a question is kept for staff, as they see it."""

    label: str
    description: str


def load_statuses() -> Mapping[str, Status]:
    """Status id -> Status, in the order staff meet them."""
    data = yaml.safe_load((HERE / "statuses.yml").read_text(encoding="utf-8"))
    return {status: Status(**texts) for status, texts in data.items()}


def load_missed_reasons() -> Mapping[str, Reason]:
    """Reason id -> Reason, in the order staff meet them."""
    data = yaml.safe_load((HERE / "missed_reasons.yml").read_text(encoding="utf-8"))
    return {reason: Reason(**texts) for reason, texts in data.items()}


def load_channels() -> Mapping[str, str]:
    """Channel id -> name."""
    return dict(yaml.safe_load((HERE / "channels.yml").read_text(encoding="utf-8")))


def load_event_texts() -> Mapping[str, str]:
    """Audit event -> sentence, with {before} and {after} where a status changes."""
    return dict(yaml.safe_load((HERE / "audit_events.yml").read_text(encoding="utf-8")))


def load_link_states() -> Mapping[str, str]:
    """State of a guardian's link -> sentence."""
    return _texts("link_states.yml")


def load_added_kinds() -> Mapping[str, str]:
    """Kind of what was added to a submission -> sentence."""
    return _texts("added_kinds.yml")


def giver(by: str) -> str:
    """Who gave an answer: "vardnadshavare_2" -> "Vårdnadshavare 2". What is no role is shown as it is."""
    role, _, number = by.rpartition("_") if by[-1:].isdigit() and by not in _texts("givers.yml") else (by, "", "")
    name = _texts("givers.yml").get(role)
    return by if name is None else f"{name} {number}".rstrip()


@cache
def _texts(name: str) -> Mapping[str, str]:
    return dict(yaml.safe_load((HERE / name).read_text(encoding="utf-8")))


def language_name(code: str) -> str:
    """The Swedish name of a language code ("en" -> "engelska"); the code itself when it has none."""
    return str(SWEDISH.languages.get(code, code))


def stockholm_time(at: datetime) -> str:
    """An aware time as staff read it, in Swedish time: "21 nov. 2026 kl. 22.14"."""
    return format_datetime(at, "d MMM y 'kl.' HH.mm", tzinfo=STOCKHOLM, locale=SWEDISH)


def stockholm_iso(at: datetime) -> str:
    """The same time for machines, to the second, with its offset."""
    return at.astimezone(STOCKHOLM).isoformat(timespec="seconds")
