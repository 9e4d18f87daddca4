"""How long each kind of thing is kept, as a file says it, and the calendar by which days are counted.

The file is the municipality's decision; here it is read and checked. What is old enough is found in `retention_due`,
and removed in `retention`. Days are days of the Swedish calendar, but for missed questions, which know only a UTC day.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

from storage.missed_questions import DAYS_KEPT

OUR_POLICY: Final = Path(__file__).parent / "retention.yml"
STOCKHOLM: Final = ZoneInfo("Europe/Stockholm")
OUTCOMES: Final = ("handed_over", "withdrawn", "closed")
"""The statuses in which a submission may be purged; the first only once its hand-over is confirmed."""
LEAST_DAYS: Final[Mapping[str, int]] = {
    "drafts": 1,
    "responses": 1,
    "conversations": 1,
    "inbox": 2,
    "outbox": 1,
    "missed_questions": 1,
    "staff_sessions": 1,
    "sign_in_failures": 1,
    "invitations": 1,
}
"""Every kind but submissions, in the order in which they are purged, and the fewest days that do no harm: Telegram
sends a message again for a day, and a sign-in is valid for some hours."""
BACKUPS: Final = "backups"
_BACKUP_DAYS: Final = (7, 365)
"""The fewest, since after a holiday somebody must still be able to put a backup back; and the most, since what is to be
kept for years is no backup."""
NEVER: Final = "never"
UNDECIDED: Final = "undecided"
_MOST_DAYS: Final = 36500
_RULE_LENGTH: Final = 64
_FORM_ID: Final = re.compile(r"[a-z0-9_]{1,40}")


class RetentionPolicyError(Exception):
    """A policy that cannot be used: which file, which entry (if any), and why. One line."""

    def __init__(self, file: str, entry: str | None, reason: str) -> None:
        super().__init__(f"{file}: {reason}" if entry is None else f"{file}, {entry}: {reason}")
        self.file = file
        self.entry = entry
        self.reason = reason


@dataclass(frozen=True)
class Entry:
    """`name`: its place in the file, as "submissions.kontakta_mig.closed"; `rule`: the decision it rests on.

    `days`: whole days after the last one on which anything happened; it is removed on the day after them.
    """

    name: str
    days: int
    rule: str

    @property
    def decided(self) -> bool:
        """Whether somebody has decided on it: nothing is purged by an entry that is a mere proposal."""
        return self.rule != UNDECIDED

    def purge_after(self, day: date) -> date:
        """The last day on which something of that day is kept."""
        return day + timedelta(days=self.days)


OUR_BACKUPS: Final = Entry(BACKUPS, 30, "Vår utgångspunkt")
"""What holds when a file says nothing of backups."""


@dataclass(frozen=True)
class Limit:
    """A run that would remove more than `most`, or, from `counted_from` on, more than `percent`, must be confirmed."""

    most: int
    percent: int
    counted_from: int

    def is_exceeded(self, going: int, stored: int) -> bool:
        """Whether `going` of `stored` are too many to remove unasked."""
        return going > self.most or (going >= self.counted_from and going * 100 > stored * self.percent)


@dataclass(frozen=True)
class Policy:
    """`kinds`: kind -> entry; `submissions`: (form id, outcome) -> entry. What is missing there is never purged.

    `backups`: how long a backup can be read after its day; None: without end.
    """

    kinds: Mapping[str, Entry]
    submissions: Mapping[tuple[str, str], Entry]
    limits: Mapping[str, Limit]
    backups: Entry | None = OUR_BACKUPS


def load_policy(path: Path = OUR_POLICY) -> Policy:
    """The policy in a YAML file. Raises RetentionPolicyError."""
    try:
        data = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RetentionPolicyError(str(path), None, " ".join(str(error).split())) from None
    except OSError as error:
        raise RetentionPolicyError(str(path), None, f"it cannot be read ({error.strerror})") from None
    file = str(path)
    top = _mapping(data, file, None, (*LEAST_DAYS, BACKUPS, "submissions", "limits"))
    kinds = {kind: _entry(top[kind], file, kind, LEAST_DAYS[kind]) for kind in LEAST_DAYS if kind in top}
    missed = kinds.get("missed_questions")
    if missed is not None and missed.days > DAYS_KEPT:
        raise RetentionPolicyError(file, "missed_questions", f"residents are told that they go after {DAYS_KEPT} days")
    submissions = _submissions(top.get("submissions", {}), file)
    limits = _mapping(top.get("limits", {}), file, "limits", ("submissions", "drafts", "conversations"))
    if submissions and "submissions" not in limits:
        raise RetentionPolicyError(file, "limits", "it must say how many submissions may go in one run")
    return Policy(
        MappingProxyType({kind: entry for kind, entry in kinds.items() if entry is not None}),
        MappingProxyType(submissions),
        MappingProxyType({kind: _limit(value, file, f"limits.{kind}") for kind, value in limits.items()}),
        _entry(top[BACKUPS], file, BACKUPS, *_BACKUP_DAYS) if BACKUPS in top else OUR_BACKUPS,
    )


def day_of(at: datetime) -> date:
    """The day of the Swedish calendar."""
    return at.astimezone(STOCKHOLM).date()


def beginning_of(day: date) -> datetime:
    """Midnight in Sweden, where that day begins, in UTC."""
    return datetime.combine(day, time(), STOCKHOLM).astimezone(UTC)


class _Loader(yaml.CSafeLoader):
    """YAML as data only; an entry written twice is an error instead of a silent choice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"the entry {twice} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _mapping(data: Any, file: str, entry: str | None, known: tuple[str, ...] | None) -> dict[str, Any]:
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise RetentionPolicyError(file, entry, "it must be names, each with what belongs to it")
    for key in data:
        if known is not None and key not in known:
            raise RetentionPolicyError(file, entry, f"there is no {key!r} here: use {', '.join(known)}")
    return data


def _submissions(data: Any, file: str) -> dict[tuple[str, str], Entry]:
    found = {}
    for form_id, outcomes in _mapping(data, file, "submissions", None).items():
        if not _FORM_ID.fullmatch(form_id):
            raise RetentionPolicyError(file, f"submissions.{form_id}", "this is no form's id")
        for outcome, value in _mapping(outcomes, file, f"submissions.{form_id}", OUTCOMES).items():
            entry = _entry(value, file, f"submissions.{form_id}.{outcome}", 0)
            if entry is not None:
                found[form_id, outcome] = entry
    return found


def _entry(data: Any, file: str, name: str, least: int, most: int = _MOST_DAYS) -> Entry | None:
    if data == NEVER:
        return None
    values = _mapping(data, file, name, ("days", "rule"))
    days, rule = values.get("days"), values.get("rule")
    if days == NEVER:
        return None
    if not isinstance(days, int) or isinstance(days, bool) or not least <= days <= most:
        raise RetentionPolicyError(file, name, f"days must be a number from {least} to {most}, or {NEVER}")
    if not isinstance(rule, str) or not rule.strip():
        raise RetentionPolicyError(file, name, f"it needs a rule: the decision it rests on, or {UNDECIDED}")
    if len(rule) > _RULE_LENGTH or not rule.isprintable() or not rule[0].isalnum():
        raise RetentionPolicyError(
            file, name, f"the rule must be one line of at most {_RULE_LENGTH} signs that begins with a letter or digit"
        )
    return Entry(name, days, rule.strip())


def _limit(data: Any, file: str, name: str) -> Limit:
    values = _mapping(data, file, name, ("most", "percent", "counted_from"))
    numbers = [values.get(key) for key in ("most", "percent", "counted_from")]
    if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
        raise RetentionPolicyError(file, name, "it needs three numbers: most, percent, counted_from")
    return Limit(*(number for number in numbers if number is not None))
