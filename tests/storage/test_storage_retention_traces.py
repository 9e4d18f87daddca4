"""What is purged is gone from every byte of the database's files; with a reader in the way the run says so."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, func, select, text

from storage import (
    additions,
    audit,
    batons,
    conversations,
    deliveries,
    retention_holds,
    retention_traces,
    reviewers,
    status_codes,
    submissions,
)
from storage.conversations import Conversation, Draft
from storage.database import Database
from storage.deliveries import Outgoing
from storage.missed_questions import MissedQuestion
from storage.retention import PurgeReport, confirm_clock, purge
from storage.retention_policy import LEAST_DAYS, Entry, Policy
from storage.retention_tables import RetentionStateRow
from storage.submissions import NewSubmission
from storage.tables import AuditEventRow, Base, FormSnapshotRow
from storage.transfers import NewTransfer
from tests.storage.families import act, new_baton

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FAR = NOON + timedelta(days=100)
RULE = "SN 2026-03-12 § 45"
REFERENCES = [f"AB2CDE{number}F" for number in range(2, 8)]
POLICY = Policy(
    {kind: Entry(kind, 30, RULE) for kind in LEAST_DAYS},
    {("kontakta_mig", "handed_over"): Entry("submissions.kontakta_mig.handed_over", 90, RULE)},
    {},
)
STAYING = ["audit_events", "audit_anchor", "key_check", "reviewers"]


def canary(place: str) -> str:
    return f"Kanarie{place}" + "x" * 50


def fill(database: Database) -> None:
    """A canary in each place where a person's words go; some of everything, all of it to be purged in time."""
    for number, reference in enumerate(REFERENCES):
        sender, token = f"{canary('sender')}{number}", f"DRAFT{reference[:5]}{number}"
        draft = Draft(token, "kontakta_mig", 1, {"namn": canary("answer")}, canary("asking"), NOON, NOON)
        start = Conversation("telegram", sender)
        deliveries.receive(database, "telegram", "1", {"text": canary("incoming")}, NOON, sender=sender)
        drafting = conversations.save(
            database,
            start,
            replace(start, state={"topic": canary("state")}, draft=draft),
            message_id="1",
            response={"text": canary("response")},
            at=NOON,
            outbox=[Outgoing(canary("recipient"), {"text": canary("payload")})],
        )
        new = NewSubmission(
            reference, token, "kontakta_mig", 1, {"title": {"sv": "Titel"}}, {"namn": canary("submitted") * 200},
            (canary("flag"),), "sala", "telegram", "sv", "123456", {"namn": {"by": canary("given"), "at": "x"}},
            names=(f"{canary('child')} {number}",), numbers=(f"20120301980{number}",),
        )  # fmt: skip
        done = conversations.save(
            database,
            drafting,
            replace(drafting, draft=None),
            message_id="2",
            response={"text": canary("receipt")},
            at=NOON,
            submission=new,
            missed=MissedQuestion(canary("missed"), "sv", "sala", "no_answer"),
        )
        other = replace(draft, token=f"OTHER{reference[:5]}{number}")
        conversations.save(database, done, replace(done, draft=other), message_id="3", response={}, at=NOON)
        submissions.add_note(database, reference, canary("note"), actor="anna", at=NOON)
        additions.ask(database, reference, canary("asked"), actor="anna", at=NOON)
        act(database, additions.Addition(reference, None, canary("added"), canary("adder")))
        status_codes.status_of(database, reference, canary("code"), at=NOON)
        retention_holds.set_hold(database, reference, canary("reason"), actor="anna", at=NOON)
        retention_holds.clear_hold(database, reference, canary("reason"), actor="anna", at=NOON)
        submissions.change_status(database, reference, "handed_over", actor="anna", version=3, at=NOON)
        retention_holds.confirm_hand_over(database, reference, case_number=canary("number"), actor="anna", at=NOON)
        hand_over(database, f"BATON{reference[:5]}{number}", other)
    asking = Conversation("telegram", canary("asker"))
    response = {"text": canary("response")}
    conversations.save(database, asking, asking, message_id="1", response=response, at=NOON)
    anna = reviewers.add(database, "anna", "Anna", "argon", "reviewer", actor="cli:root", at=NOON)
    reviewers.start_session(database, anna.id, NOON)
    reviewers.record_failure(database, canary("username"), canary("address"), NOON)
    reviewers.create_invitation(database, NOON)


def hand_over(database: Database, token: str, draft: Draft) -> None:
    """A baton that is declined by one guardian and left by the other, and a draft on its way elsewhere."""
    answers, given = {"namn": canary("baton") * 200}, {"namn": {"by": canary("kurator"), "at": "x"}}
    links = [batons.make_link(canary("called")) for _ in range(2)]
    act(database, new_baton(token, *links, answers=answers, given=given))
    act(database, batons.BatonAnswer(token, 1, "declined", canary("why"), canary("guardian")))
    batons.open_link(database, links[1].token, links[1].code, at=NOON)
    act(database, NewTransfer(f"to {token}", replace(draft, token=f"MOVED{token}", form={"title": {"sv": "Ny"}})))


def stored_bytes(database: Database) -> dict[bytes, str]:
    """Every sealed value, fingerprint and token that will be purged, and where it is from."""
    found = {}
    with database.reading() as session:
        for table in (table for table in Base.metadata.sorted_tables if table.name not in STAYING):
            for column in table.columns:
                telling = column.name.endswith("_key") or column.name in ("token", "draft_token")
                if telling or isinstance(column.type, LargeBinary):
                    for value in session.scalars(select(column).where(column.is_not(None))):
                        found[value if isinstance(value, bytes) else value.encode()] = f"{table.name}.{column.name}"
    return found


def run(database: Database) -> PurgeReport:
    confirm_clock(database, FAR, None, actor="cli:root")
    return purge(database, POLICY, FAR, actor="cli:root", tombstone_file=None)


def files_of(directory: Path) -> bytes:
    """Everything in the directory of the database: file, -wal, -shm, and whatever else may lie there."""
    return b"\0".join(path.read_bytes() for path in sorted(directory.iterdir()))


@pytest.fixture
def backend() -> str:
    """Files are looked at: SQLite, but for the tests that ask for PostgreSQL's server themselves."""
    return "sqlite"


def places(stored: dict[bytes, str], directory: Path) -> set[str]:
    """Where values come from of which any piece is there: a long one is spread over several pages."""
    content = files_of(directory)
    return {
        place
        for value, place in stored.items()
        if any(
            value[start : start + 48] in content for start in range(0, len(value) - 47 if len(value) > 47 else 1, 256)
        )
    }


def test_nothing_that_was_purged_is_left_in_any_file(database: Database, tmp_path: Path) -> None:
    fill(database)
    stored = stored_bytes(database)
    expected = {
        "conversations.state_sealed", "conversations.sender_key", "drafts.content_sealed", "drafts.token",
        "inbox.message_key", "stored_responses.content_sealed", "outbox.content_sealed", "outbox.recipient_key",
        "submissions.content_sealed", "submissions.draft_token", "submission_keys.key_sealed",
        "submission_notes.text_sealed", "hand_overs.case_number_sealed", "missed_questions.content_sealed",
        "submission_lookups.value_key",
        "staff_sessions.token_key", "sign_in_failures.username_key", "sign_in_failures.address_key",
        "invitations.token_key", "submissions.code_key", "submission_requests.text_sealed",
        "submission_additions.content_sealed", "code_failures.reference_key", "batons.content_sealed", "batons.token",
        "baton_links.link_key", "baton_links.code_key", "baton_links.content_sealed", "transfers.content_sealed",
        "transfers.token_key",
    }  # fmt: skip
    assert set(stored.values()) == places(stored, tmp_path) == expected
    report = run(database)
    assert report.purged["submissions"] == len(REFERENCES) and not report.left_in_wal
    assert set(report.purged) == {"submissions", "batons", *LEAST_DAYS}
    assert places(stored, tmp_path) == set()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"kontakt.sqlite{end}" for end in ("", "-shm", "-wal")]
    assert (tmp_path / "kontakt.sqlite-wal").stat().st_size < 64 * 1024
    assert b"Kanarie" not in files_of(tmp_path)
    with database.reading() as session:
        assert session.scalar(text("PRAGMA freelist_count")) == 0
        assert session.scalars(select(FormSnapshotRow)).all() == []
    assert audit.verify(database) == []


def test_of_a_reference_only_the_audit_trail_is_left(database: Database, tmp_path: Path) -> None:
    """Each event has it twice: in the table, and in its index on the subject."""
    fill(database)
    run(database)
    retention_traces.sweep(database, thorough=False)
    content = (tmp_path / "kontakt.sqlite").read_bytes()
    for reference in REFERENCES:
        with database.reading() as session:
            query = select(func.count()).select_from(AuditEventRow).where(AuditEventRow.subject == reference)
            events = session.scalar(query)
            elsewhere = {
                table.name
                for table in Base.metadata.sorted_tables
                if reference in repr([tuple(row) for row in session.execute(select(table))])
            }
        assert events is not None and events >= 6 and elsewhere == {"audit_events"}
        assert content.count(reference.encode()) == 2 * events


def test_a_reader_in_the_way_is_reported_and_the_next_run_finishes(
    open_database: Callable[[], Database], tmp_path: Path
) -> None:
    database, reader = open_database(), open_database()
    fill(database)
    stored = stored_bytes(database)
    with reader.reading() as session:
        session.execute(select(func.count()).select_from(AuditEventRow)).all()
        report = run(database)
        assert report.left_in_wal and report.purged["submissions"] == len(REFERENCES)
        assert "submissions.content_sealed" in places(stored, tmp_path)
        assert run(database).left_in_wal
    report = run(database)
    assert (report.left_in_wal, report.purged) == (False, {})
    assert places(stored, tmp_path) == set()
    with database.reading() as session:
        assert session.scalars(select(RetentionStateRow.traces_since)).one() is None


def test_a_run_that_was_killed_before_it_swept_is_swept_by_the_next(database: Database, tmp_path: Path) -> None:
    """What stands in the state after a purge and before the sweep is what a killed run leaves."""
    fill(database)
    run(database)
    with database.transaction() as session:
        session.scalars(select(RetentionStateRow)).one().traces_since = FAR
    assert run(database).left_in_wal is False
    with database.reading() as session:
        assert session.scalars(select(RetentionStateRow.traces_since)).one() is None


def test_residents_and_staff_go_on_writing_after_a_sweep(database: Database) -> None:
    """The connection that swept is back in the pool with the settings that it had."""
    fill(database)
    run(database)
    with database.reading() as session:
        assert session.scalar(text("PRAGMA busy_timeout")) == 5000
    reviewers.record_failure(database, "anna", "127.0.0.1", FAR)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_postgresql_gives_the_space_back(database: Database) -> None:
    """VACUUM cuts off empty pages at the end of a table: all of a table whose rows are all gone."""
    fill(database)
    tables = ["submissions", "submission_keys", "submission_notes", "drafts", "conversations", "inbox", "outbox"]
    tables += ["submission_requests", "submission_additions", "batons", "baton_links", "transfers", "code_failures"]
    tables += ["submission_lookups"]

    def sizes() -> set[int]:
        with database.reading() as session:
            return {session.scalar(text(f"SELECT pg_relation_size('{name}')")) for name in tables}

    assert 0 not in sizes()
    report = run(database)
    assert report.purged["submissions"] == len(REFERENCES) and not report.left_in_wal
    assert sizes() == {0}
    with database.reading() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "15s"
        assert session.scalars(select(RetentionStateRow.traces_since)).one() is None
