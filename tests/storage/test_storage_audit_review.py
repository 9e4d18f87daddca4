"""The review of the log: a table of events and the numbers they give, and that looking is itself on the record."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from storage import audit, audit_log, reviewers
from storage.audit import AuditEvent
from storage.audit_review import FIELDS, OFTEN, ReviewedDay, as_csv, as_text, event_table, review, single_events, table
from storage.database import Database
from storage.reviewers import read_username

MONDAY = date(2026, 3, 2)
TUESDAY = date(2026, 3, 3)
FRIDAY = date(2026, 3, 6)
OPENED, CHANGED, NOTED = "submission.opened", "submission.status_changed", "submission.note_added"

Told = tuple[str, str, str, str]
"""Swedish time "2026-03-02T12:00+01:00", who, event, about what."""


def events(told: Iterable[Told]) -> list[AuditEvent]:
    return [
        AuditEvent(number, datetime.fromisoformat(at).astimezone(UTC), who, event, subject, {})
        for number, (at, who, event, subject) in enumerate(told, 1)
    ]


def at(clock: str, day: date = MONDAY, offset: str = "+01:00") -> str:
    return f"{day}T{clock}{offset}"


def on(day: date = MONDAY, reviewer: str = "anna", **numbers: int) -> ReviewedDay:
    return ReviewedDay(day, reviewer, **numbers)


CASES: dict[str, tuple[list[Told], list[ReviewedDay]]] = {
    "nothing": ([], []),
    "opened": ([(at("12:00"), "anna", OPENED, "A")], [on(opened=1, without_action=1)]),
    "opened and changed": (
        [(at("12:00"), "anna", OPENED, "A"), (at("12:01"), "anna", CHANGED, "A")],
        [on(opened=1, changed=1)],
    ),
    "a note is a change, and seeing it afterwards is no new opening without one": (
        [
            (at("12:00"), "anna", OPENED, "A"),
            (at("12:01"), "anna", NOTED, "A"),
        ],
        [on(opened=1, changed=1)],
    ),
    "opened again after the change": (
        [
            (at("12:00"), "anna", OPENED, "A"),
            (at("12:01"), "anna", CHANGED, "A"),
            (at("12:01"), "anna", OPENED, "A"),
        ],
        [on(opened=2, changed=1)],
    ),
    "changed by somebody else": (
        [(at("12:00"), "anna", OPENED, "A"), (at("12:01"), "bo", CHANGED, "A")],
        [on(opened=1, without_action=1), on(reviewer="bo", changed=1)],
    ),
    "another one changed": (
        [(at("12:00"), "anna", OPENED, "A"), (at("12:01"), "anna", CHANGED, "B")],
        [on(opened=1, changed=1, without_action=1)],
    ),
    "changed the next day": (
        [(at("12:00"), "anna", OPENED, "A"), (at("12:00", TUESDAY), "anna", CHANGED, "A")],
        [on(opened=1), on(TUESDAY, changed=1)],
    ),
    "changed after the last day": (
        [(at("12:00"), "anna", OPENED, "A"), (at("12:00", FRIDAY), "anna", CHANGED, "A")],
        [on(opened=1)],
    ),
    "opened the day after the change, without another": (
        [
            (at("12:00"), "anna", OPENED, "A"),
            (at("12:01"), "anna", CHANGED, "A"),
            (at("12:00", TUESDAY), "anna", OPENED, "A"),
        ],
        [on(opened=1, changed=1), on(TUESDAY, opened=1, without_action=1)],
    ),
    "five times": ([(at("12:00"), "anna", OPENED, "A")] * OFTEN, [on(opened=5, without_action=1)]),
    "six times": ([(at("12:00"), "anna", OPENED, "A")] * (OFTEN + 1), [on(opened=6, without_action=1, repeated=1)]),
    "six different": (
        [(at("12:00"), "anna", OPENED, letter) for letter in "ABCDEF"],
        [on(opened=6, without_action=6)],
    ),
    "six times by two": (
        [(at("12:00"), who, OPENED, "A") for who in ("anna", "bo") * 3],
        [on(opened=3, without_action=1), on(reviewer="bo", opened=3, without_action=1)],
    ),
    "six times over two days": (
        [(at("12:00", day), "anna", OPENED, "A") for day in (MONDAY, MONDAY, MONDAY, TUESDAY, TUESDAY, TUESDAY)],
        [on(opened=3, without_action=1), on(TUESDAY, opened=3, without_action=1)],
    ),
    "exported and searched": (
        [
            (at("12:00"), "cli:root", OPENED, "A"),
            (at("12:00"), "cli:root", "submission.exported", "A"),
            (at("12:00"), "anna", "submissions.searched", "submissions"),
        ],
        [on(searched=1), on(reviewer="cli:root", opened=1, exported=1, without_action=1)],
    ),
    "signed in, after a wrong password": (
        [
            (at("08:00"), "system", "reviewer.sign_in_failed", "anna"),
            (at("08:00"), "anna", "reviewer.signed_in", "anna"),
            (at("08:01"), "anna", "reviewer.signed_out", "anna"),
        ],
        [on(sign_ins=1, failed_sign_ins=1)],
    ),
    "a name without an account": (
        [(at("08:00"), "system", "reviewer.sign_in_failed", "?")],
        [on(reviewer="?", failed_sign_ins=1)],
    ),
    "what residents and the program do": (
        [
            (at("03:00"), "resident", "submission.received", "A"),
            (at("03:00"), "resident", "submission.withdrawn", "A"),
            (at("03:00"), "system", "submission.purged", "A"),
            (at("03:00"), "system", "audit.anchoring_begun", "audit"),
            (at("03:00"), "invitation", "reviewer.added", "anna"),
        ],
        [],
    ),
    "what is neither reading nor work on a submission": (
        [
            (at("12:00"), "cli:root", "submission.purged", "A"),
            (at("12:00"), "cli:root", "key.rotated", "f5de82db"),
            (at("12:00"), "anna", "audit.reviewed", "audit"),
        ],
        [],
    ),
    "on other days": (
        [
            (at("23:59", MONDAY - timedelta(1)), "anna", OPENED, "A"),
            (at("00:00", date(2026, 3, 5)), "anna", OPENED, "B"),
        ],
        [],
    ),
    "a day is a Swedish one": (
        [("2026-03-01T23:30+00:00", "anna", OPENED, "A"), ("2026-03-02T22:30+00:00", "anna", NOTED, "A")],
        [on(opened=1, changed=1, outside_hours=1)],
    ),
    "several days and reviewers, in order": (
        [
            (at("12:00", TUESDAY), "anna", NOTED, "A"),
            (at("12:00"), "bo", NOTED, "A"),
            (at("12:00"), "anna", NOTED, "A"),
        ],
        [on(changed=1), on(reviewer="bo", changed=1), on(TUESDAY, changed=1)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_counted(case: str) -> None:
    told, expected = CASES[case]
    assert review(events(told), MONDAY, date(2026, 3, 4)) == tuple(expected)


HOURS = [
    (at("06:59:59"), True),
    (at("07:00"), False),
    (at("17:59:59"), False),
    (at("18:00"), True),
    (at("12:00", date(2026, 3, 7)), True),
    (at("12:00", date(2026, 3, 8)), True),
    (at("12:00", FRIDAY), False),
    ("2026-07-01T05:00+00:00", False),
    ("2026-07-01T16:00+00:00", True),
    ("2026-12-01T06:00+00:00", False),
    ("2026-12-01T05:59+00:00", True),
]


@pytest.mark.parametrize(("when", "outside"), HOURS)
def test_office_hours_are_swedish_weekdays(when: str, outside: bool) -> None:
    (found,) = review(events([(when, "anna", OPENED, "A")]), date(2026, 1, 1), date(2026, 12, 31))
    assert found.outside_hours == outside


def test_one_reviewer_alone() -> None:
    told = [(at("12:00"), who, OPENED, "A") for who in ("anna", "bo")] + [(at("12:01"), "bo", CHANGED, "A")]
    assert review(events(told), MONDAY, MONDAY, "anna") == (on(opened=1, without_action=1),)
    assert [event.actor for event in single_events(events(told), MONDAY, MONDAY, "bo")] == ["bo", "bo"]


def test_single_events_are_staffs_own_and_of_those_days() -> None:
    told = [
        (at("12:00"), "anna", OPENED, "A"),
        (at("12:00"), "resident", "submission.received", "B"),
        (at("12:00"), "system", "reviewer.sign_in_failed", "anna"),
        (at("12:00"), "cli:root", "key.added", "f5de82db"),
        (at("12:00", FRIDAY), "anna", OPENED, "A"),
    ]
    found = list(single_events(events(told), MONDAY, TUESDAY))
    assert [event.number for event in found] == [1, 3, 4]
    assert event_table(found)[1] == ("1", "2026-03-02T12:00:00+01:00", "anna", OPENED, "A")


def test_no_account_can_be_called_as_names_without_one_are() -> None:
    assert read_username("?") is None


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("x";"y")']


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_spreadsheet_calculates_nothing(cell: str) -> None:
    ((found, other),) = csv.reader(io.StringIO(as_csv([(cell, 'a"b,c')]), newline=""))
    assert (found, other) == (f"'{cell}", 'a"b,c')


def test_as_text_columns_are_lined_up() -> None:
    lines = as_text(table([on(opened=12), on(reviewer="bertil")])).splitlines()
    assert lines[0].split() == list(FIELDS)
    assert [line[22:].split()[0] for line in lines] == ["opened", "12", "0"]


LOOKS: list[Any] = [audit_log.review, audit_log.single_events]


@pytest.mark.parametrize("look", LOOKS)
def test_looking_is_on_the_record(look: Any, database: Database) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    reviewers.add(database, "anna", "Anna", "hash", "reviewer", actor="cli:root", at=noon)
    for n in range(1200):
        audit.append(database, actor="anna", event=OPENED, subject=f"REFEREN{n % 7}", at=noon + timedelta(seconds=n))
    found = look(database, MONDAY, MONDAY, "anna", actor="chefen", at=noon + timedelta(hours=1))
    if look is audit_log.review:
        assert found == (on(opened=1200, without_action=7, repeated=7),)
    else:
        assert len(found) == 1200
    (written,) = audit.trail(database, "audit")
    assert (written.actor, written.event) == ("chefen", "audit.reviewed")
    assert written.details == {"from": "2026-03-02", "to": "2026-03-02", "reviewer": "anna", "lines": len(found)}
    assert audit.verify(database) == []
