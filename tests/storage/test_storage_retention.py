"""Gallring: never before its day, always after; what is held or not confirmed stays; on the record; killed, run again.

The clock is confirmed before each run here, since the tests go from day to day; what it refuses is tested by itself.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, func, select

import storage
from storage import audit, conversations, deliveries, intake, retention_holds, reviewers, submissions, tombstones
from storage.backup import make_backup, restore
from storage.conversations import Conversation, ConversationChangedError, Draft
from storage.database import Database, DatabaseError, check_schema, migrate
from storage.deliveries import Outgoing
from storage.encryption import Keyring, SealError
from storage.engine import make_engine, parse
from storage.missed_questions import MissedQuestion
from storage.retention import (
    PlannedPurge,
    PurgeRecord,
    PurgeReport,
    TooManyError,
    as_csv,
    as_text,
    confirm_clock,
    plan,
    protocol,
    purge,
    without_entry,
)
from storage.retention_policy import Entry, Limit, Policy
from storage.retention_tables import HandOverRow, PurgeRecordRow, SubmissionHoldRow, TombstoneRow
from storage.submissions import NewSubmission
from storage.tables import Base, ConversationRow, DraftRow, StoredResponseRow, SubmissionKeyRow, SubmissionRow
from storage.tombstones import tombstone_of
from tests.storage.families import BACKUP_KEY

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
STOCKHOLM = ZoneInfo("Europe/Stockholm")
RULE = "SN 2026-03-12 § 45"
FORK = multiprocessing.get_context("fork")
NUMBERS = count(1)
ENDED = {"handed_over": 10, "withdrawn": 20, "closed": 30}
POLICY = Policy(
    kinds={kind: Entry(kind, days, RULE) for kind, days in {
        "drafts": 30, "responses": 7, "conversations": 40, "inbox": 8, "outbox": 5, "missed_questions": 30,
        "staff_sessions": 1, "sign_in_failures": 2, "invitations": 3,
    }.items()},
    submissions={
        ("kontakta_mig", outcome): Entry(f"submissions.kontakta_mig.{outcome}", days, RULE)
        for outcome, days in ENDED.items()
    },
    limits={},
)  # fmt: skip


def submit(database: Database, at: datetime = NOON, form_id: str = "kontakta_mig") -> str:
    reference = intake.make_reference()
    new = NewSubmission(
        reference, conversations.make_draft_token(), form_id, 1, {"title": {"sv": "Titel"}}, {"namn": "Åsa"}, (),
        "sala", "web", "sv",
    )  # fmt: skip
    with database.transaction() as session:
        intake.insert(session, new, actor="resident", at=at)
    return reference


def move(database: Database, reference: str, status: str, at: datetime) -> None:
    opened = submissions.open_submission(database, reference, actor="anna", at=at)
    assert opened is not None
    submissions.change_status(database, reference, status, actor="anna", version=opened.version, at=at)


def end(database: Database, outcome: str, at: datetime = NOON, *, confirmed: bool = True, **how: Any) -> str:
    """A submission that has ended so; a hand-over is confirmed at once."""
    reference = submit(database, at, **how)
    move(database, reference, outcome, at)
    if outcome == "handed_over" and confirmed:
        retention_holds.confirm_hand_over(database, reference, case_number="2026-118", actor="anna", at=at)
    return reference


def run(database: Database, at: datetime, policy: Policy = POLICY, **how: Any) -> PurgeReport:
    confirm_clock(database, at, None, actor="cli:root")
    return purge(database, policy, at, actor="cli:root", **{"tombstone_file": None, **how})


def references(database: Database) -> set[str]:
    return {summary.reference for summary in submissions.listing(database, limit=10_000)}


def number_of(database: Database, table: type[Base]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


BOUNDARIES = [
    # ended, days, the first moment at which it may go
    ("winter", utc(2026, 3, 2, 12, 0), 10, utc(2026, 3, 12, 23, 0)),
    ("just before midnight", utc(2026, 6, 1, 21, 59, 59), 10, utc(2026, 6, 11, 22, 0)),
    ("at midnight", utc(2026, 6, 1, 22, 0), 10, utc(2026, 6, 12, 22, 0)),
    ("until the day of 25 hours", utc(2026, 10, 15, 12, 0), 10, utc(2026, 10, 25, 23, 0)),
    ("on the day of 25 hours", utc(2026, 10, 25, 22, 30), 1, utc(2026, 10, 26, 23, 0)),
    ("until the day of 23 hours", utc(2027, 3, 18, 12, 0), 10, utc(2027, 3, 28, 22, 0)),
    ("on the day of 23 hours", utc(2027, 3, 27, 23, 30), 1, utc(2027, 3, 29, 22, 0)),
    ("on the leap day", utc(2028, 2, 28, 23, 0), 1, utc(2028, 3, 1, 23, 0)),
    ("over the leap day", utc(2028, 2, 28, 12, 0), 1, utc(2028, 2, 29, 23, 0)),
    ("a year", utc(2027, 3, 1, 12, 0), 365, utc(2028, 2, 29, 23, 0)),
    ("no days", utc(2026, 3, 2, 12, 0), 0, utc(2026, 3, 2, 23, 0)),
]  # fmt: skip


@pytest.mark.parametrize("case", BOUNDARIES, ids=lambda case: case[0])
@pytest.mark.parametrize("outcome", ENDED)
def test_a_submission_goes_when_the_last_of_its_days_is_over(database: Database, outcome: str, case: Any) -> None:
    _, ended, days, goes = case
    entry = Entry(f"submissions.kontakta_mig.{outcome}", days, RULE)
    policy = replace(POLICY, submissions={("kontakta_mig", outcome): entry})
    reference = end(database, outcome, ended)
    last_day = (goes - SECOND).astimezone(STOCKHOLM).date()
    waiting = PlannedPurge("submissions", "kontakta_mig", outcome, reference, 1, last_day, RULE, False, True)
    assert run(database, goes - SECOND, policy).purged == {}
    assert references(database) == {reference}
    assert plan(database, policy, goes - SECOND) == ()
    assert plan(database, policy, goes - SECOND, days_ahead=1) == (waiting,)
    assert plan(database, policy, goes) == (replace(waiting, due=True),)
    assert run(database, goes, policy).purged == {"submissions": 1}
    assert references(database) == set() and plan(database, policy, goes) == ()


def test_what_is_not_finished_confirmed_or_spoken_of_is_never_purged(database: Database) -> None:
    staying = {submit(database)}
    for status in ("in_review", "waiting_for_completion", "queued"):
        staying.add(reference := submit(database))
        move(database, reference, status, NOON)
    staying.add(end(database, "handed_over", confirmed=False))
    staying.add(end(database, "closed", form_id="intresseanmalan"))
    staying.add(reopened := end(database, "closed"))
    move(database, reopened, "in_review", NOON)
    staying.add(again := end(database, "handed_over"))
    move(database, again, "in_review", NOON)
    move(database, again, "handed_over", NOON)
    far = NOON + 36_000 * DAY
    assert plan(database, POLICY, far) == () and run(database, far).purged == {}
    assert references(database) == staying
    assert without_entry(database, POLICY) == (("intresseanmalan", "closed", 1),)
    assert run(database, far, Policy({}, {}, {})).purged == {}


def test_what_is_held_stays_until_it_is_released(database: Database) -> None:
    held = [end(database, outcome) for outcome in ENDED]
    for reference in held:
        retention_holds.set_hold(database, reference, "Tvist", actor="anna", at=NOON)
    far = NOON + 1000 * DAY
    assert plan(database, POLICY, far) == () and run(database, far).purged == {}
    for reference in held:
        retention_holds.clear_hold(database, reference, "Slut", actor="anna", at=far)
    assert run(database, far).purged == {"submissions": 3}


def test_days_count_from_the_confirmation_and_from_the_last_ending(database: Database) -> None:
    late = end(database, "handed_over", confirmed=False)
    retention_holds.confirm_hand_over(database, late, case_number=None, actor="anna", at=NOON + 100 * DAY)
    closed = end(database, "closed")
    move(database, closed, "in_review", NOON + 50 * DAY)
    move(database, closed, "closed", NOON + 60 * DAY)
    run(database, NOON + 90 * DAY)
    assert references(database) == {late, closed}
    run(database, NOON + 91 * DAY)
    assert references(database) == {late}
    run(database, NOON + 110 * DAY)
    assert references(database) == {late}
    run(database, NOON + 111 * DAY)
    assert references(database) == set()


def test_a_proposal_is_planned_and_not_carried_out(database: Database) -> None:
    reference = end(database, "closed")
    entry = Entry("submissions.kontakta_mig.closed", 30, "undecided")
    policy = replace(POLICY, submissions={("kontakta_mig", "closed"): entry})
    (planned,) = plan(database, policy, NOON + 31 * DAY)
    assert (planned.reference, planned.due, planned.decided) == (reference, True, False)
    assert run(database, NOON + 31 * DAY, policy).purged == {}
    assert references(database) == {reference}


def test_a_purge_is_on_the_record_without_content(database: Database, keyring: Keyring) -> None:
    reference = end(database, "closed")
    at = NOON + 31 * DAY
    run(database, at)
    last = audit.trail(database, reference)[-1]
    assert (last.event, last.actor, last.at) == ("submission.purged", "cli:root", at)
    assert last.details == {"form_id": "kontakta_mig", "outcome": "closed", "rule": RULE}
    assert audit.verify(database) == []
    fingerprint = tombstone_of(keyring, reference)
    record = PurgeRecord(at, "submissions", "kontakta_mig", "closed", fingerprint, 1, RULE, "cli:root")
    assert protocol(database, date(2026, 4, 2), date(2026, 4, 2)) == (record,)
    assert protocol(database, date(2026, 4, 3), date(2026, 4, 30)) == ()
    assert protocol(database, date(2026, 3, 1), date(2026, 4, 1)) == ()
    lines = as_csv([record]).split("\r\n")
    assert lines[0] == "Tid,Slag,Formulär,Utfall,Antal,Fingeravtryck,Regel,Utfört av"
    assert lines[1] == (f"2026-04-02 14:00,inkommen handling,kontakta_mig,avslutad,1,{fingerprint},{RULE},cli:root")
    page = as_text([record], date(2026, 4, 2), date(2026, 4, 2))
    assert page.startswith("Gallringsprotokoll 2026-04-02 – 2026-04-02\n")
    assert f"Fingeravtryck: {fingerprint}" in page and f"Regel:         {RULE}" in page
    assert reference not in page + as_csv([record])
    assert "Inget har gallrats" in as_text([], date(2026, 4, 2), date(2026, 4, 2))


def test_the_tombstones_are_those_of_the_submission_and_of_its_draft(
    database: Database, keyring: Keyring, tmp_path: Path
) -> None:
    reference, file = end(database, "closed"), tmp_path / "tombstones"
    with database.reading() as session:
        token = session.scalars(select(SubmissionRow.draft_token)).one()
    at = NOON + 31 * DAY
    run(database, at, tombstone_file=file)
    expected = {tombstone_of(keyring, reference), tombstone_of(keyring, token)}
    found = tombstones.read(file, keyring)
    assert {stone.fingerprint for stone in found} == expected
    assert {(stone.purged_at, stone.rule) for stone in found} == {(at, "submissions.kontakta_mig.closed")}
    run(database, at, tombstone_file=file)
    assert len(tombstones.read(file, keyring)) == 2


def test_without_its_tombstones_nothing_is_purged(database: Database, tmp_path: Path) -> None:
    reference, file = end(database, "closed"), tmp_path / "tombstones"
    file.write_text("damaged\n")
    file.chmod(0o600)
    with pytest.raises(tombstones.TombstoneError):
        run(database, NOON + 31 * DAY, tombstone_file=file)
    assert references(database) == {reference}


def talk(database: Database, sender: str, at: datetime, draft: Draft | None = None, **how: Any) -> Conversation:
    before = conversations.find(database, "telegram", sender)
    after = replace(before, state={"topic": "cost"}, draft=draft)
    return conversations.save(
        database, before, after, message_id=str(next(NUMBERS)), response={"text": "Hej"}, at=at, **how
    )


def draft_of(at: datetime) -> Draft:
    return Draft(conversations.make_draft_token(), "kontakta_mig", 1, {"namn": "Åsa"}, "telefon", at, at)


def fill(database: Database, at: datetime) -> None:
    """Something of every kind but submissions, all of that time."""
    talk(database, "drafting", at, draft_of(at))
    talk(database, "asking", at, missed=MissedQuestion("var", "sv", None, "no_answer"), outbox=[Outgoing("1", {})])
    deliveries.receive(database, "telegram", "waiting", {"text": "hej"}, at, sender="waiting")
    anna = reviewers.add(database, f"anna{next(NUMBERS)}", "Anna", "argon", "reviewer", actor="cli:root", at=at)
    reviewers.start_session(database, anna.id, at)
    reviewers.record_failure(database, "anna", "127.0.0.1", at)
    reviewers.create_invitation(database, at)


def kinds(database: Database, at: datetime) -> dict[str, int]:
    return {planned.kind: planned.number for planned in plan(database, POLICY, at) if planned.due}


def test_every_kind_goes_after_its_own_days(database: Database) -> None:
    """All of it is from NOON, 13.00 in Sweden: after so many days, kept to the end of that day."""
    fill(database, NOON)
    days = {
        2: {"staff_sessions": 1}, 3: {"sign_in_failures": 1}, 4: {"invitations": 1}, 6: {"outbox": 1},
        8: {"responses": 2}, 9: {"inbox": 2}, 31: {"drafts": 1, "missed_questions": 1}, 41: {"conversations": 2},
    }  # fmt: skip
    for day in range(1, 50):
        midnight = datetime(2026, 3, 2, tzinfo=STOCKHOLM) + day * DAY
        assert kinds(database, midnight - SECOND) == {} and run(database, midnight - SECOND).purged == {}
        assert kinds(database, midnight + 3 * timedelta(hours=1)) == days.get(day, {}), day
        assert run(database, midnight + 3 * timedelta(hours=1)).purged == days.get(day, {}), day
    assert len(deliveries.waiting(database, "telegram")) == 1  # what is not handled is never purged
    records = protocol(database, date(2026, 3, 1), date(2026, 5, 1))
    assert {record.kind: record.number for record in records} == {
        k: n for of_day in days.values() for k, n in of_day.items()
    }
    assert all(record.form_id is None and record.fingerprint is None for record in records)


def test_the_plan_looks_ahead_by_days(database: Database) -> None:
    fill(database, NOON)
    ahead = plan(database, POLICY, NOON + 6 * DAY, days_ahead=3)
    assert [(one.kind, one.due, one.purge_after) for one in ahead] == [
        ("staff_sessions", True, date(2026, 3, 3)),
        ("sign_in_failures", True, date(2026, 3, 4)),
        ("invitations", True, date(2026, 3, 5)),
        ("outbox", True, date(2026, 3, 7)),
        ("responses", False, date(2026, 3, 9)),
        ("inbox", False, date(2026, 3, 10)),
    ]


def test_an_undelivered_reply_counts_from_when_it_was_written(database: Database) -> None:
    deliveries.send_later(database, "telegram", [Outgoing("1", {"text": "hej"})], NOON)
    (owed,) = deliveries.due(database, "telegram", NOON)
    deliveries.postpone(database, owed.id, NOON + 100 * DAY)
    assert run(database, NOON + 5 * DAY).purged == {}
    assert run(database, NOON + 6 * DAY).purged == {"outbox": 1}


def test_a_conversation_stays_as_long_as_its_draft(database: Database) -> None:
    policy = replace(POLICY, kinds={**POLICY.kinds, "drafts": Entry("drafts", 60, RULE)})
    talk(database, "drafting", NOON, draft_of(NOON))
    assert [one.kind for one in plan(database, policy, NOON + 60 * DAY)] == ["responses", "inbox"]
    run(database, NOON + 60 * DAY, policy)
    assert (number_of(database, DraftRow), number_of(database, ConversationRow)) == (1, 1)
    assert [one.purge_after for one in plan(database, policy, NOON + 61 * DAY)] == [date(2026, 5, 1)] * 2
    run(database, NOON + 61 * DAY, policy)
    assert (number_of(database, DraftRow), number_of(database, ConversationRow)) == (0, 0)
    never = Policy({"conversations": POLICY.kinds["conversations"]}, {}, {})
    talk(database, "drafting", NOON, draft_of(NOON))
    assert plan(database, never, NOON + 1000 * DAY) == () and run(database, NOON + 1000 * DAY, never).purged == {}


def test_a_purged_draft_takes_the_responses_that_may_quote_it_and_leaves_a_tombstone(
    database: Database, keyring: Keyring, tmp_path: Path
) -> None:
    draft, file = draft_of(NOON), tmp_path / "tombstones"
    talk(database, "drafting", NOON, draft)
    assert number_of(database, StoredResponseRow) == 1
    policy = Policy({"drafts": POLICY.kinds["drafts"]}, {}, {})
    assert run(database, NOON + 31 * DAY, policy, tombstone_file=file).purged == {"drafts": 1}
    (stone,) = tombstones.read(file, keyring)
    assert (stone.fingerprint, stone.rule) == (tombstone_of(keyring, draft.token), "drafts")
    left = conversations.find(database, "telegram", "drafting")
    assert left.draft is None and left.state == {"topic": "cost"}
    assert number_of(database, StoredResponseRow) == 0
    assert conversations.save(database, left, left, message_id="new", response={}, at=NOON + 32 * DAY).version == 3


def test_a_turn_that_has_read_a_purged_draft_is_not_saved_as_if_it_were_there(database: Database) -> None:
    talk(database, "drafting", NOON, draft_of(NOON))
    before = conversations.find(database, "telegram", "drafting")
    assert before.draft is not None
    run(database, NOON + 31 * DAY)
    changed = replace(before, draft=replace(before.draft, answers={"namn": "Bo"}))
    with pytest.raises(ConversationChangedError):
        conversations.save(database, before, changed, message_id="new", response={}, at=NOON + 31 * DAY)
    assert number_of(database, DraftRow) == 0


def test_more_than_a_transaction_holds_is_one_line_of_the_protocol(database: Database) -> None:
    for number in range(7):
        talk(database, f"{number}", NOON)
    assert run(database, NOON + 50 * DAY, batch=3).purged == {"responses": 7, "conversations": 7, "inbox": 7}
    records = protocol(database, date(2026, 3, 1), date(2026, 5, 1))
    assert {record.kind: record.number for record in records} == {"responses": 7, "conversations": 7, "inbox": 7}


@pytest.mark.parametrize("kind", ["submissions", "drafts"])
def test_a_mass_purge_is_refused_until_it_is_confirmed(database: Database, kind: str) -> None:
    for number in range(4):
        if kind == "submissions":
            end(database, "closed")
        else:
            talk(database, f"{number}", NOON, draft_of(NOON))
    at, table = NOON + 31 * DAY, SubmissionRow if kind == "submissions" else DraftRow
    for limit, refused in [(Limit(3, 100, 1), True), (Limit(9, 50, 4), True), (Limit(9, 50, 5), False)]:
        policy = replace(POLICY, limits={kind: limit})
        if refused:
            with pytest.raises(TooManyError, match=f"4 of 4 {kind}"):
                run(database, at, policy)
            assert (number_of(database, table), number_of(database, PurgeRecordRow)) == (4, 0)
        else:
            assert run(database, at, policy).purged[kind] == 4


def test_a_confirmed_mass_purge_is_done(database: Database) -> None:
    for _ in range(4):
        end(database, "closed")
    policy = replace(POLICY, limits={"submissions": Limit(0, 0, 0)})
    assert run(database, NOON + 31 * DAY, policy, confirmed=True).purged == {"submissions": 4}


def test_a_submission_with_a_lost_key_or_of_before_keys_goes_too(database: Database) -> None:
    reference = end(database, "closed")
    with database.transaction() as session:
        session.execute(delete(SubmissionKeyRow))
    with pytest.raises(SealError):
        submissions.open_submission(database, reference, actor="anna", at=NOON)
    assert run(database, NOON + 31 * DAY).purged == {"submissions": 1}


def test_what_is_held_while_a_run_is_under_way_stays(open_database: Callable[[], Database]) -> None:
    """Somebody holds one submission, and takes up another, after the list of what is due was made."""
    database, other = open_database(), open_database()
    held, reopened, going = (end(database, "closed") for _ in range(3))
    confirm_clock(database, at := NOON + 31 * DAY, None, actor="cli:root")
    lists: list[str] = []

    def interfere(*arguments: Any) -> None:
        if not lists and "max(" in arguments[2] and arguments[2].endswith("ORDER BY submissions.id"):
            lists.append(arguments[2])
            retention_holds.set_hold(other, held, "Tvist", actor="anna", at=at)
            move(other, reopened, "in_review", at)

    for_closed = replace(POLICY, submissions={("kontakta_mig", "closed"): Entry("closed", 30, RULE)})
    event.listen(Engine, "after_cursor_execute", interfere)
    try:
        report = purge(database, for_closed, at, actor="system", tombstone_file=None)
    finally:
        event.remove(Engine, "after_cursor_execute", interfere)
    assert len(lists) == 1 and report.purged == {"submissions": 1}
    assert references(database) == {held, reopened}
    assert audit.trail(database, going)[-1].event == "submission.purged"


def purge_and_be_killed(url: str, keyring: Keyring, file: Path, after: int) -> None:
    """Killed by itself after so many statements."""
    statements = count(1)

    def kill(*arguments: Any) -> None:
        if next(statements) == after:
            os.kill(os.getpid(), signal.SIGKILL)

    database = Database(url, keyring)
    event.listen(Engine, "after_cursor_execute", kill)
    purge(database, POLICY, NOON + 50 * DAY, actor="system", tombstone_file=file, batch=2)
    os._exit(0)


def test_killed_anywhere_it_is_run_again(url: str, keyring: Keyring, tmp_path: Path) -> None:
    database, at, file = Database(url, keyring), NOON + 50 * DAY, tmp_path / "tombstones"
    gone = {end(database, outcome) for outcome in ENDED}
    for number in range(3):
        talk(database, f"{number}", NOON, draft_of(NOON))
    confirm_clock(database, at, None, actor="cli:root")
    for after in count(4, 9):
        database.close()
        process = FORK.Process(target=purge_and_be_killed, args=(url, keyring, file, after))
        process.start()
        process.join(60)
        assert audit.verify(database) == []
        stayed = references(database)
        for reference in stayed:  # whole, with its key, or not there at all
            assert submissions.open_submission(database, reference, actor="anna", at=NOON) is not None
        recorded = {record.fingerprint for record in protocol(database, date(2026, 1, 1), date(2027, 1, 1))}
        assert recorded >= {tombstone_of(keyring, reference) for reference in gone - stayed}
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    assert after > 40 and references(database) == set()
    assert [number_of(database, table) for table in (DraftRow, ConversationRow, HandOverRow)] == [0, 0, 0]
    records = protocol(database, date(2026, 1, 1), date(2027, 1, 1))
    assert sum(record.number for record in records if record.kind == "drafts") == 3
    assert sum(record.number for record in records if record.kind == "submissions") == 3
    assert len(tombstones.read(file, keyring)) == number_of(database, TombstoneRow) == 3 * 2 + 3
    purged = [
        event for reference in gone for event in audit.trail(database, reference) if event.event.endswith("purged")
    ]
    assert len(purged) == 3
    database.close()


def test_a_backup_from_before_brings_nothing_back(database: Database, keyring: Keyring, tmp_path: Path) -> None:
    """One backup is from when it was a draft, one from when it had been sent in, handed over and confirmed."""
    draft, file = draft_of(NOON), tmp_path / "tombstones"
    drafting = talk(database, "drafting", NOON, draft)
    talk(database, "other", NOON, draft_of(NOON + 90 * DAY))
    make_backup(database, tmp_path / "1.backup", NOON, BACKUP_KEY)
    new = NewSubmission(
        "AB2CDE3F", draft.token, "kontakta_mig", 1, {"title": {"sv": "Titel"}}, {}, (), None, "web", "sv"
    )
    sent = replace(drafting, draft=None)
    conversations.save(database, drafting, sent, message_id="sent", response={}, at=NOON, submission=new)
    move(database, "AB2CDE3F", "handed_over", NOON)
    retention_holds.confirm_hand_over(database, "AB2CDE3F", case_number="2026-118", actor="anna", at=NOON)
    staying = submit(database)
    make_backup(database, tmp_path / "2.backup", NOON, BACKUP_KEY)
    assert run(database, NOON + 31 * DAY, tombstone_file=file).purged["submissions"] == 1
    stones = {stone.fingerprint for stone in tombstones.read(file, keyring)}
    for number, left, purged in [(1, set(), {"drafts": 1}), (2, {staying}, {"submissions": 1, "hand_overs": 1})]:
        url = f"sqlite:///{tmp_path}/{number}/kontakt.sqlite"
        migrate(url)
        path = tmp_path / f"{number}.backup"
        restored = restore(path, url, keyring, BACKUP_KEY, NOON, actor="cli:root", tombstones=stones)
        assert restored.backup.problems == () and restored.purged.items() >= purged.items()
        again = Database(url, keyring)
        assert (references(again), number_of(again, HandOverRow), number_of(again, DraftRow)) == (left, 0, 1)
        again.close()


def test_revision_0005_goes_down_only_while_nothing_is_held_or_purged(empty_url: str, keyring: Keyring) -> None:
    migrate(empty_url)
    database = Database(empty_url, keyring)
    reference = submit(database)

    def downgrade() -> None:
        engine, config = make_engine(parse(empty_url)), Config()
        config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
        try:
            with engine.execution_options(kontakt_writes=True).begin() as connection:
                config.attributes["connection"] = connection
                command.downgrade(config, "0004")
        finally:
            engine.dispose()

    downgrade()
    with pytest.raises(DatabaseError, match="is of revision 0004"):
        check_schema(empty_url)
    migrate(empty_url)
    assert references(database) == {reference}
    retention_holds.set_hold(database, reference, "Tvist", actor="anna", at=NOON)
    with pytest.raises(CommandError, match="there are submission_holds"):
        downgrade()
    retention_holds.clear_hold(database, reference, "Slut", actor="anna", at=NOON)
    move(database, reference, "closed", NOON)
    run(database, NOON + 31 * DAY)
    with pytest.raises(CommandError, match="there are purge_records"):
        downgrade()
    database.close()


@dataclass(frozen=True)
class Made:
    """A submission that hypothesis thought of; times in minutes after NOON."""

    outcome: str
    ended: int
    confirmed: int | None
    held: bool
    form_id: str

    def expected(self, at: datetime) -> bool:
        """Whether it must be gone, by counting days on a Swedish wall calendar."""
        if self.held or self.form_id != "kontakta_mig" or self.outcome not in ENDED:
            return False
        if self.outcome == "handed_over" and self.confirmed is None:
            return False
        last = max(self.ended, self.confirmed or 0) if self.outcome == "handed_over" else self.ended
        day = (NOON + timedelta(minutes=last)).astimezone(STOCKHOLM).date()
        return (at.astimezone(STOCKHOLM).date() - day).days > ENDED[self.outcome]


YEAR = 366 * 24 * 60
MADE = st.builds(
    Made,
    outcome=st.sampled_from([*ENDED, "received", "in_review", "queued"]),
    ended=st.integers(0, YEAR),
    confirmed=st.none() | st.integers(0, YEAR),
    held=st.booleans(),
    form_id=st.sampled_from(["kontakta_mig"] * 3 + ["intresseanmalan"]),
)


def put_in(database: Database, made: Made) -> str:
    reference = submit(database, form_id=made.form_id)
    ended = NOON + timedelta(minutes=made.ended)
    if made.outcome != "received":
        move(database, reference, made.outcome, ended)
    if made.outcome == "handed_over" and made.confirmed is not None:
        confirmed_at = ended + timedelta(minutes=max(0, made.confirmed - made.ended))
        retention_holds.confirm_hand_over(database, reference, case_number=None, actor="anna", at=confirmed_at)
    if made.held:
        retention_holds.set_hold(database, reference, "Tvist", actor="anna", at=ended)
    return reference


@pytest.fixture
def emptied(database: Database) -> Callable[[], Database]:
    """The test's database without submissions, for each example anew."""

    def empty() -> Database:
        with database.transaction() as session:
            session.execute(delete(SubmissionHoldRow))
            session.execute(delete(SubmissionRow))
            session.execute(delete(TombstoneRow))
        return database

    return empty


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    some=st.lists(MADE, min_size=1, max_size=5), days=st.lists(st.integers(0, 500 * 24 * 60), min_size=1, max_size=3)
)
def test_nothing_goes_before_its_day_everything_after_and_holds_survive(
    emptied: Callable[[], Database], some: list[Made], days: list[int]
) -> None:
    database = emptied()
    there = {put_in(database, made): made for made in some}
    for minutes in sorted(days):
        at = NOON + timedelta(minutes=minutes)
        going = {reference for reference, made in there.items() if made.expected(at)}
        assert {one.reference for one in plan(database, POLICY, at) if one.kind == "submissions"} == going
        run(database, at)
        there = {reference: made for reference, made in there.items() if reference not in going}
        assert references(database) == set(there)
    assert audit.verify(database) == []
