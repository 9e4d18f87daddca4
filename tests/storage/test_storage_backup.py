"""Backups: everything comes back, from either database into either; nothing, from a file that is not whole."""

import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, func, insert, inspect, select, text, update

import storage
from storage import (
    additions,
    audit,
    backup_file,
    batons,
    conversations,
    deliveries,
    intake,
    leadership,
    missed_questions,
    retention_holds,
    reviewers,
    status_codes,
    submissions,
)
from storage.backup import BackupError, Restored, check_backup, make_backup, restore
from storage.backup_check import move_schema
from storage.backup_file import read_lines, write_lines
from storage.backup_rows import SHORT_LIVED, Tally
from storage.conversations import Draft
from storage.database import REVISION, Database, DatabaseError, migrate
from storage.deliveries import Outgoing
from storage.encryption import Keyring, load_keys, make_keys
from storage.lookup_tables import LookupsOwedRow
from storage.missed_questions import MissedQuestion
from storage.notice_tables import NoticeRow
from storage.retention import Policy, confirm_clock, purge
from storage.retention_policy import Entry
from storage.rotation import add_key
from storage.submissions import NewSubmission
from storage.tables import (
    AuditEventRow,
    Base,
    ConversationRow,
    StatusChangeRow,
    SubmissionKeyRow,
    SubmissionNoteRow,
    SubmissionRow,
    UtcDateTime,
)
from storage.tombstones import Tombstone, TombstoneError, append, read, tombstone_of
from storage.transfers import NewTransfer
from tests.storage.families import BACKUP_KEY, act, application, hand_over
from tests.tampering import put_guard_away

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
ROOT = Path(storage.__file__).parent.parent
FORM = {"id": "intresseanmalan", "title": {"sv": "Intresseanmälan"}, "questions": []}
ANSWERS = {"namn": "Åsa Öberg", "telefon": "+46701740605", "barn": None, "dagar": ["man"], "tolk": True}


@pytest.fixture
def make_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes migrated, empty databases beside the test's own."""
    numbers = count(1)

    def make(kind: str) -> str:
        new = f"sqlite:///{tmp_path}/beside{next(numbers)}.sqlite"
        made = new if kind == "sqlite" else str(request.getfixturevalue("postgresql").new_url())
        migrate(made)
        return made

    return make


@pytest.fixture
def open_url(keyring: Keyring) -> Iterator[Callable[[str], Database]]:
    with ExitStack() as opened:

        def open_one(url: str) -> Database:
            database = Database(url, keyring)
            opened.callback(database.close)
            return database

        yield open_one


@pytest.fixture
def sqlite(make_url: Callable[[str], str], open_url: Callable[[str], Database]) -> Database:
    """For what has nothing to do with which database it is."""
    return open_url(make_url("sqlite"))


def new_submission(number: str, reference: str | None = None) -> NewSubmission:
    return NewSubmission(
        reference or submissions.make_reference(), f"TOKEN{number}", "intresseanmalan", 3, FORM,
        {**ANSWERS, "nummer": number}, ("tolk",), "sala", "web", "sv",
    )  # fmt: skip


def submit(database: Database, number: str) -> str:
    new = new_submission(number)
    with database.transaction() as session:
        intake.insert(session, new, actor="resident", at=NOON)
    return new.reference


def turn(database: Database, sender: str, new: NewSubmission | None = None) -> None:
    before = conversations.find(database, "web", sender)
    said = f"{sender} {before.version + 1}"
    draft = before.draft or Draft(conversations.make_draft_token(), "intresseanmalan", 3, {}, "namn", NOON, NOON)
    conversations.save(
        database,
        before,
        replace(before, state={"said": said}, draft=None if new else draft),
        message_id=said,
        response={"text": said},
        at=NOON,
        submission=new,
        outbox=[Outgoing(sender, {"text": said})],
        missed=MissedQuestion(said, "sv", "sala", "no_answer"),
    )


def fill(database: Database, number: int = 6) -> list[str]:
    """Rows in every table; the references of the submissions."""
    anna = reviewers.add(database, "anna", "Anna Ek", "argon", "reviewer", actor="cli:root", at=NOON)
    reviewers.start_session(database, anna.id, NOON)
    reviewers.create_invitation(database, NOON)
    reviewers.record_failure(database, "anna", "127.0.0.1", NOON)
    deliveries.receive(database, "telegram", "1", {"text": "hej"}, NOON, sender="resident")
    for n in range(number):
        turn(database, f"resident {n}")
    references = [submit(database, f"{n}") for n in range(number)]
    for n, reference in enumerate(references):
        submissions.add_note(database, reference, f"Anteckning {n}", actor="anna", at=NOON)
        submissions.change_status(database, reference, "in_review", actor="anna", version=1, at=NOON)
    return references


BATONS = ("ABCDEFGHJK", "BBBBBBBBBB")
"""One that was sent in, with reference BATON, and one that waits."""
BATON = "AB2CDE9F"


def hand_over_and_add(database: Database) -> None:
    """Rows in the tables of what is handed on before, and added after, it is sent in."""
    for token in BATONS:
        hand_over(database, token)
    sent = application(BATONS[0], BATON)
    act(database, batons.BatonAnswer(BATONS[0], 1, "approved", None, "Anna Ek"), submission=sent)
    act(database, batons.BatonAnswer(BATONS[0], 2, "declined", "Nej", "Bo Öberg"))
    additions.ask(database, BATON, "Vilken skola?", actor="anna", at=NOON)
    status_codes.status_of(database, BATON, "654321", at=NOON)
    act(database, NewTransfer("token", Draft("CCCCCCCCCC", "intresseanmalan", 3, {}, "namn", NOON, NOON, FORM)))


def hold_hand_over_and_purge(database: Database, references: list[str]) -> None:
    """One is held, one has been handed over, and a submission of the day before is purged."""
    retention_holds.set_hold(database, references[0], "Tvist", actor="anna", at=NOON)
    submissions.change_status(database, references[1], "handed_over", actor="anna", version=2, at=NOON)
    retention_holds.confirm_hand_over(database, references[1], case_number="2026-118", actor="anna", at=NOON)
    gone, before = submit(database, "gone"), NOON - timedelta(days=1)
    submissions.change_status(database, gone, "withdrawn", actor="anna", version=1, at=before)
    withdrawn = {("intresseanmalan", "withdrawn"): Entry("submissions.intresseanmalan.withdrawn", 0, "SN 2026-118")}
    purge(database, Policy({}, withdrawn, {}), NOON, actor="system", tombstone_file=None)


def owe(database: Database, reference: str) -> None:
    """A notice that has not been sent, and a submission that has not got its look-ups yet."""
    with database.transaction() as session:
        session.add(NoticeRow(created_at=NOON, kind="submission", municipality="sala", due_at=NOON, tries=0))
        id = session.scalars(select(SubmissionRow.id).where(SubmissionRow.reference == reference)).one()
        session.add(LookupsOwedRow(submission_id=id))


def rows_of(database: Database) -> dict[str, list[str]]:
    """Every row of every table, as it is stored."""
    with database.reading() as session:
        return {
            table.name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }


def fetch(path: Path, url: str, keyring: Keyring, *tombstones: str) -> Restored:
    return restore(path, url, keyring, BACKUP_KEY, NOON, actor="cli:root", tombstones=tombstones)


def assert_nothing_restored(url: str, open_url: Callable[[str], Database]) -> None:
    assert {name for name, rows in rows_of(open_url(url)).items() if rows} <= {"key_check"}


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_everything_comes_back(
    into: str,
    database: Database,
    keyring: Keyring,
    tmp_path: Path,
    make_url: Callable[[str], str],
    open_url: Callable[[str], Database],
) -> None:
    references = fill(database)
    hand_over_and_add(database)
    hold_hand_over_and_purge(database, references)
    owe(database, BATON)
    leadership.hold(database, "telegram", "somebody", NOON, 60)
    before, path, target = rows_of(database), tmp_path / "kontakt.backup", make_url(into)
    assert [name for name, rows in before.items() if not rows] == []
    made = make_backup(database, path, NOON, BACKUP_KEY)
    assert made == check_backup(path, keyring, BACKUP_KEY)
    assert (made.made_at, made.revision, made.problems) == (NOON, REVISION, ())
    assert made.rows == {name: len(rows) for name, rows in before.items()}
    assert made.audit_events == len(before["audit_events"])
    assert repr(made.audit_hash) in max(before["audit_events"], key=lambda row: int(row[1:].split(",")[0]))

    assert fetch(path, target, keyring) == Restored(made, {}, 3)
    other = open_url(target)
    after = rows_of(other)
    written = {"audit_anchor", "audit_events"}
    assert {name for name in before if before[name] != after[name]} == written | set(SHORT_LIVED)
    assert [after[name] for name in SHORT_LIVED] == [[], [], []]
    assert set(before["audit_events"]) < set(after["audit_events"])
    assert audit.verify(other) == []
    (restored,) = audit.trail(other, "backup")
    assert (restored.event, restored.actor) == ("backup.restored", "cli:root")
    for reference in (*references, BATON):
        opened = [submissions.open_submission(each, reference, actor="anna", at=NOON) for each in (database, other)]
        assert opened[0] == opened[1] is not None
    assert additions.open_requests_of(other, BATON) == additions.open_requests_of(database, BATON) != ()
    for token in BATONS:
        assert batons.find(other, token, NOON) == batons.find(database, token, NOON) is not None
    assert isinstance(status_codes.status_of(other, BATON, "123456", at=NOON), status_codes.Status)
    for n in range(len(references)):
        found = [conversations.find(each, "web", f"resident {n}") for each in (database, other)]
        assert found[0] == found[1] and found[0].draft is not None
    assert reviewers.find(other, "anna") == reviewers.find(database, "anna")
    assert missed_questions.listing(other, NOON) == missed_questions.listing(database, NOON)

    fill_again = submit(other, "later")
    turn(other, "resident 0", new_submission("last"))
    turn(other, "somebody new")
    submissions.add_note(other, fill_again, "efter", actor="anna", at=NOON)
    deliveries.receive(other, "telegram", "2", {"text": "igen"}, NOON, sender="resident")
    assert audit.verify(other) == []


def test_from_one_database_to_the_other_and_back(
    keyring: Keyring, tmp_path: Path, make_url: Callable[[str], str], open_url: Callable[[str], Database]
) -> None:
    first = open_url(make_url("sqlite"))
    fill(first)
    made = make_backup(first, tmp_path / "1.backup", NOON, BACKUP_KEY)
    fetch(tmp_path / "1.backup", middle := make_url("postgresql"), keyring)
    again = make_backup(open_url(middle), tmp_path / "2.backup", NOON, BACKUP_KEY)
    fetch(tmp_path / "2.backup", last := make_url("sqlite"), keyring)
    assert again.audit_events == made.audit_events + 1
    same = set(made.rows) - {"audit_events", "audit_anchor", *SHORT_LIVED}
    before, after = rows_of(first), rows_of(open_url(last))
    assert {name for name in same if before[name] != after[name]} == set()


def test_backups_while_four_threads_write(
    database: Database,
    backend: str,
    keyring: Keyring,
    tmp_path: Path,
    make_url: Callable[[str], str],
    open_url: Callable[[str], Database],
) -> None:
    """Some fifty turns a second, each with some ten rows; every one of them is in a backup, or nothing of it."""
    fill(database, 2)
    stop, failures = threading.Event(), list[BaseException]()

    def write(writer: int) -> None:
        try:
            for number in count():
                if stop.is_set():
                    return
                turn(database, f"w{writer}", new_submission(f"{writer}x{number}") if number % 2 else None)
                time.sleep(0.08)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    made = []
    for number in range(3):
        time.sleep(0.6)
        made.append(make_backup(database, tmp_path / f"{number}.backup", NOON, BACKUP_KEY))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    grown = [backup.rows["submissions"] for backup in made]
    assert grown == sorted(set(grown)) and grown[0] > 2
    for number, backup in enumerate(made):
        path = tmp_path / f"{number}.backup"
        assert check_backup(path, keyring, BACKUP_KEY) == backup
        fetch(path, target := make_url(backend), keyring)
        assert_turns_are_whole(open_url(target))


def assert_turns_are_whole(database: Database) -> None:
    received = select(AuditEventRow.subject).where(AuditEventRow.event == "submission.received")
    with database.reading() as session:
        references = set(session.scalars(select(SubmissionRow.reference)))
        assert references == set(session.scalars(received))
        assert session.scalar(select(func.count()).select_from(SubmissionKeyRow)) == len(references)
    due = deliveries.due(database, "web", NOON, limit=10**6, per_recipient=10**6)
    asked = {listed.question.text for listed in missed_questions.listing(database, NOON, limit=10**6)}
    for sender in (f"w{writer}" for writer in range(4)):
        conversation = conversations.find(database, "web", sender)
        assert conversation.version > 4
        said = [f"{sender} {version + 1}" for version in range(conversation.version)]
        assert conversation.state == {"said": said[-1]}
        assert (conversation.draft is None) == (conversation.version % 2 == 0)
        assert [reply.payload["text"] for reply in due if reply.recipient == sender] == said
        assert conversations.handled(database, "web", sender, said[-1]) == {"text": said[-1]}
        assert set(said) <= asked


@pytest.fixture
def large(sqlite: Database) -> Database:
    """Some chunks of content that cannot be compressed."""
    fill_randomly(sqlite, 60)
    return sqlite


def fill_randomly(database: Database, rows: int) -> None:
    fill(database)
    values = {"channel": "MARKER", "version": 1, "started_at": NOON, "updated_at": NOON}
    made = [{**values, "sender_key": f"{n}", "state_sealed": random.randbytes(20_000)} for n in range(rows)]
    with database.transaction() as session:
        session.execute(insert(ConversationRow), made)


def chunks_of(path: Path) -> tuple[bytes, list[bytes]]:
    content = path.read_bytes()
    place = backup_file.HEAD_BYTES
    head, found = content[:place], []
    while place < len(content):
        length = 4 + int.from_bytes(content[place : place + 4])
        found.append(content[place : place + length])
        place += length
    return head, found


def flipped(content: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1 << bit
    return bytes(changed)


def test_damage_anywhere_is_refused(large: Database, keyring: Keyring, tmp_path: Path) -> None:
    make_backup(large, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    content, (head, chunks), damaged = path.read_bytes(), chunks_of(path), tmp_path / "damaged"
    assert len(chunks) >= 4
    assert sum(1 for _ in read_lines(path, keyring, BACKUP_KEY)) > 60
    some = random.Random(20260302)
    heads = [*range(len(head) + 60), *(len(head) + sum(map(len, chunks[:n])) + 1 for n in range(len(chunks)))]
    places = heads + [some.randrange(len(content)) for _ in range(200)]
    versions = [flipped(content, place, some.randrange(8)) for place in places]
    versions += [content[: some.randrange(len(content))] for _ in range(40)]
    versions += [head + b"".join(chunks[:n]) for n in range(len(chunks))]
    versions += [content + more for more in (b"\0", b"\0" * 4, chunks[-1], chunks[0], content)]
    versions += [head + b"".join(chunks[:n] + chunks[n + 1 :]) for n in range(len(chunks))]
    versions += [head + b"".join([*chunks[:n], chunks[n + 1], chunks[n], *chunks[n + 2 :]]) for n in range(3)]
    versions += [head + b"".join([*chunks[:2], chunks[1], *chunks[2:]]), b"", b"kontakt backup 9\n" + content[17:]]
    for version in versions:
        damaged.write_bytes(version)
        with pytest.raises(BackupError) as error:
            list(read_lines(damaged, keyring, BACKUP_KEY))
        assert str(damaged) in one_line(error)


def test_a_chunk_of_another_backup_is_refused(large: Database, keyring: Keyring, tmp_path: Path) -> None:
    make_backup(large, tmp_path / "1", NOON, BACKUP_KEY)
    make_backup(large, tmp_path / "2", NOON, BACKUP_KEY)
    (head, first), (other_head, second) = chunks_of(tmp_path / "1"), chunks_of(tmp_path / "2")
    mixed = tmp_path / "mixed"
    for content in ([head, *first[:-1], second[-1]], [head, second[0], *first[1:]], [other_head, *first]):
        mixed.write_bytes(b"".join(content))
        with pytest.raises(BackupError, match="is damaged, not whole, or made with other keys"):
            list(read_lines(mixed, keyring, BACKUP_KEY))


def test_a_damaged_backup_leaves_the_database_empty(
    database: Database, keyring: Keyring, tmp_path: Path, backend: str,
    make_url: Callable[[str], str], open_url: Callable[[str], Database],
) -> None:  # fmt: skip
    fill_randomly(database, 40)
    make_backup(database, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    content, target, damaged = path.read_bytes(), make_url(backend), tmp_path / "damaged"
    for version in (flipped(content, len(content) - 9, 0), content[:-400_000], content + b"\0", content[:100]):
        damaged.write_bytes(version)
        with pytest.raises(BackupError) as error:
            fetch(damaged, target, keyring)
        one_line(error)
        with pytest.raises(BackupError):
            check_backup(damaged, keyring, BACKUP_KEY)
        assert_nothing_restored(target, open_url)
    assert fetch(path, target, keyring).backup == check_backup(path, keyring, BACKUP_KEY)


def test_other_keys_restore_nothing(
    sqlite: Database, keyring: Keyring, tmp_path: Path,
    make_url: Callable[[str], str], open_url: Callable[[str], Database],
) -> None:  # fmt: skip
    fill(sqlite)
    make_backup(sqlite, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    make_keys(tmp_path / "others")
    others, target = load_keys(tmp_path / "others"), make_url("sqlite")
    under_its_id = replace(keyring, keys={keyring.sealing: others.keys[others.sealing]}, file=None)
    other_line = replace(BACKUP_KEY, key=b"x" * 32)
    cases = [
        (under_its_id, BACKUP_KEY, f"the key {keyring.sealing} is missing or another, .* put its line back"),
        (replace(keyring, lookup=others.lookup), BACKUP_KEY, "was made with another lookup.key"),
        (keyring, other_line, "is damaged, not whole, or made with other keys"),
        (keyring, replace(BACKUP_KEY, day=NOON.date()), "is damaged, not whole, or made with other keys"),
    ]
    for keys, key, problem in cases:
        with pytest.raises(BackupError, match=problem) as error:
            check_backup(path, keys, key)
        one_line(error)
        with pytest.raises(BackupError, match=problem):
            restore(path, target, keys, key, NOON, actor="cli:root", tombstones=())
    assert_nothing_restored(target, open_url)
    fetch(path, target, keyring)


def test_a_key_that_was_put_away_is_asked_for(tmp_path: Path, make_url: Callable[[str], str]) -> None:
    """The file is sealed with its day's key, what is in it with both."""
    make_keys(tmp_path / "two")
    database = Database(make_url("sqlite"), load_keys(tmp_path / "two"))
    references, old = fill(database), database.keyring.sealing
    new = add_key(tmp_path / "two")
    submit(database, "late")
    database.close()
    database = Database(str(database._engine.url), load_keys(tmp_path / "two"))
    make_backup(database, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    both, target = database.keyring, make_url("sqlite")
    database.close()
    newest = replace(both, keys={new: both.keys[new]}, file=None)
    with pytest.raises(BackupError, match=f"the key {old} is missing or another, .* put its line back"):
        fetch(path, target, newest)
    fetch(path, target, both)
    restored = Database(target, both)
    assert submissions.count(restored) == len(references) + 1
    restored.close()


def test_only_an_empty_migrated_database_is_restored_into(
    database: Database, url: str, keyring: Keyring, tmp_path: Path, open_url: Callable[[str], Database]
) -> None:
    fill(database)
    make_backup(database, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    before = rows_of(database)
    with pytest.raises(BackupError, match=r"is not empty \(there are [a-z_]+\): restore into a new database") as error:
        fetch(path, url, keyring)
    one_line(error)
    assert rows_of(database) == before
    (tmp_path / "empty.sqlite").touch(0o600)
    with pytest.raises(DatabaseError, match="is not set up: run kontakt migrate"):
        fetch(path, f"sqlite:///{tmp_path}/empty.sqlite", keyring)


def test_an_empty_database_and_one_that_proved_other_keys(
    keyring: Keyring, tmp_path: Path, backend: str, make_url: Callable[[str], str], open_url: Callable[[str], Database]
) -> None:
    """What `kontakt migrate` has left: the proof of keys that were made by mistake."""
    empty = open_url(make_url(backend))
    made = make_backup(empty, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    assert (made.audit_events, made.audit_hash, sum(made.rows.values())) == (0, "", 1)
    make_keys(tmp_path / "others")
    Database(target := make_url(backend), load_keys(tmp_path / "others")).close()
    fetch(path, target, keyring)
    assert audit.verify(open_url(target)) == []


def in_the_first_format(path: Path, keyring: Keyring) -> None:
    """As it was made before backups had a day: sealed by the keyring."""
    file_id, lines = bytes(16), b"".join(line + b"\n" for line in read_lines(path, keyring, BACKUP_KEY))
    sealed = keyring.seal(zlib.compress(lines), f"backup:{file_id.hex()}:0:last")
    path.write_bytes(b"kontakt backup 1\n" + file_id + len(sealed).to_bytes(4) + sealed)


def test_a_backup_of_the_first_format_is_still_put_back(
    sqlite: Database, keyring: Keyring, tmp_path: Path, make_url: Callable[[str], str]
) -> None:
    fill(sqlite)
    made = make_backup(sqlite, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    in_the_first_format(path, keyring)
    assert check_backup(path, keyring, replace(BACKUP_KEY, day=date(2027, 1, 1))) == made
    assert fetch(path, make_url("sqlite"), keyring).backup == made
    make_keys(tmp_path / "others")
    with pytest.raises(BackupError, match=f"is sealed with the key {keyring.sealing}, which is not there") as error:
        check_backup(path, load_keys(tmp_path / "others"), BACKUP_KEY)
    one_line(error)


def rewritten(path: Path, keyring: Keyring, change: Callable[[list[Any]], list[Any]]) -> None:
    """The same backup with other lines in it, rightly sealed."""
    lines = change([json.loads(line) for line in read_lines(path, keyring, BACKUP_KEY)])
    with path.open("wb") as file:
        write_lines(file, BACKUP_KEY, NOON.date(), [json.dumps(line, separators=(",", ":")).encode() for line in lines])


def test_a_backup_that_does_not_hold_what_it_says_is_refused(
    sqlite: Database, keyring: Keyring, tmp_path: Path, make_url: Callable[[str], str],
    open_url: Callable[[str], Database],
) -> None:  # fmt: skip
    fill(sqlite)
    target = make_url("sqlite")

    def header(**values: Any) -> Callable[[list[Any]], list[Any]]:
        return lambda lines: [{**lines[0], **values}, *lines[1:]]

    cases: list[tuple[str, Callable[[list[Any]], list[Any]]]] = [
        ("is newer .revision 9999.", header(revision="9999")),
        ("is newer .revision ../x.", header(revision="../x")),
        ("cannot be brought to revision 0000", header(revision="0000")),
        ("not those that it says", lambda lines: [line for line in lines if line != lines[-2]]),
        ("not those that it says", lambda lines: lines[:-1]),
        ("goes on after its end", lambda lines: [*lines, lines[-1]]),
        ("is not of the revision", lambda lines: [lines[0], {**lines[1], "table": "others"}, *lines[2:]]),
        ("is not of the revision", header(revision="0001")),
        ("does not take the rows", lambda lines: [line for line in lines if "Intresseanm" not in json.dumps(line)]),
    ]
    for number, (problem, change) in enumerate(cases):
        make_backup(sqlite, path := tmp_path / f"{number}.backup", NOON, BACKUP_KEY)
        rewritten(path, keyring, change)
        for attempt in (
            lambda path: check_backup(path, keyring, BACKUP_KEY),
            lambda path: fetch(path, target, keyring),
        ):
            with pytest.raises(BackupError, match=problem) as error:
                attempt(path)
            one_line(error)
    assert_nothing_restored(target, open_url)


def test_a_database_that_keeps_something_else_is_refused(
    sqlite: Database, keyring: Keyring, tmp_path: Path, make_url: Callable[[str], str],
    open_url: Callable[[str], Database],
) -> None:  # fmt: skip
    """A trigger stands for whatever may change rows on their way in."""
    fill(sqlite)
    make_backup(sqlite, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    trigger = "CREATE TRIGGER t AFTER INSERT ON outbox BEGIN UPDATE outbox SET attempts = 1; END"
    with open_url(target := make_url("sqlite")).transaction() as session:
        session.execute(text(trigger))
    with pytest.raises(BackupError, match="the rows of outbox in the database are not those of the backup"):
        fetch(path, target, keyring)
    assert_nothing_restored(target, open_url)


def test_a_backup_of_an_older_revision_is_migrated(
    database: Database, backend: str, keyring: Keyring, tmp_path: Path, make_url: Callable[[str], str],
    open_url: Callable[[str], Database],
) -> None:  # fmt: skip
    """As the program of revision 0002 would have made it: without submissions' own keys, with the old proof of keys."""
    fill(database)
    with database.transaction() as session:
        for table in (SubmissionNoteRow, SubmissionKeyRow, StatusChangeRow, SubmissionRow):
            session.execute(delete(table))
    made = make_backup(database, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    newer = set(Base.metadata.tables) - {"key_check"} - tables_of("0002")
    later = {"drafts": "form_snapshot", "submissions": "code_key"}
    assert "submission_keys" in newer and sum(made.rows[name] for name in newer) == 0

    def as_of_0002(lines: list[Any]) -> list[Any]:
        changed: list[Any] = []
        changed_rows: dict[str, list[Any]] = {}
        table, place = "", None
        for line in lines:
            if isinstance(line, dict) and line.get("table") in newer:
                continue
            if isinstance(line, dict) and "table" in line:
                table, place = line["table"], None
                if table in later:
                    place = line["columns"].index(later[table])
                    line = {**line, "columns": [name for name in line["columns"] if name != later[table]]}
                    changed_rows[table] = []
            elif isinstance(line, list) and place is not None:
                line = line[:place] + line[place + 1 :]
                changed_rows[table].append(line)
            if changed and isinstance(changed[-1], dict) and changed[-1].get("table") == "key_check":
                line = [1, *line[1:]]
            if line == {"table": "key_check", "columns": ["key_id", "proof_sealed", "lookup_key"]}:
                line = {**line, "columns": ["id", "proof_sealed", "lookup_key"]}
            changed.append(line)
        changed[0]["revision"], said = "0002", changed[-1]["tables"]
        (proof,) = (line for before, line in pairwise(changed) if before == PROOFS)
        said |= {"key_check": [1, digest_of(proof)]}
        said |= {name: [len(found), digest_of(*found)] for name, found in changed_rows.items()}
        changed[-1] = {"tables": {name: value for name, value in said.items() if name not in newer}}
        return changed

    rewritten(path, keyring, as_of_0002)
    checked = check_backup(path, keyring, BACKUP_KEY)
    assert (checked.revision, checked.problems) == ("0002", ())
    restored = fetch(path, target := make_url(backend), keyring)
    assert restored.backup == checked
    other = open_url(target)
    same = set(made.rows) - {"audit_events", "audit_anchor", *SHORT_LIVED}
    before, after = rows_of(database), rows_of(other)
    assert {name for name in same if before[name] != after[name]} == set()
    assert audit.verify(other) == []
    submit(other, "later")


PROOFS = {"table": "key_check", "columns": ["id", "proof_sealed", "lookup_key"]}


def digest_of(*lines: Any) -> str:
    tally = Tally()
    for line in lines:
        tally.add(json.dumps(line, separators=(",", ":")).encode())
    return tally.digest


def tables_of(revision: str) -> set[str]:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        move_schema(connection, revision)
        names = set(inspect(connection).get_table_names())
    engine.dispose()
    return names


def test_what_was_wrong_before_is_told_and_does_not_stop_a_restore(
    database: Database, backend: str, keyring: Keyring, tmp_path: Path, make_url: Callable[[str], str],
    open_url: Callable[[str], Database],
) -> None:  # fmt: skip
    references = fill(database)
    with database.transaction() as session:
        put_guard_away(session)
        session.execute(update(AuditEventRow).where(AuditEventRow.number == 3).values(actor="bo"))
        session.execute(update(ConversationRow).where(ConversationRow.id == 1).values(state_sealed=b"\x01damaged"))
        first, second, third = list(session.scalars(select(SubmissionRow).order_by(SubmissionRow.id)))[:3]
        session.execute(delete(SubmissionKeyRow).where(SubmissionKeyRow.submission_id == first.id))
        second.content_sealed = third.content_sealed
    make_backup(database, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    expected = (
        "audit event 3 is not what was written",
        "1 values of conversations.state_sealed cannot be opened",
        "2 values of submissions.content_sealed cannot be opened",
        "1 values of submission_notes.text_sealed cannot be opened",
    )
    assert check_backup(path, keyring, BACKUP_KEY).problems == expected
    assert fetch(path, target := make_url(backend), keyring).backup.problems == expected
    assert submissions.open_submission(open_url(target), references[-1], actor="anna", at=NOON) is not None
    assert audit.verify(open_url(target)) == ["audit event 3 is not what was written"]


OWN = ["hand_overs.case_number_sealed", "submission_requests.text_sealed", "submission_additions.content_sealed"]
BY_KEYRING = ["batons.content_sealed", "baton_links.content_sealed"]


@pytest.mark.parametrize("place", [*OWN, *BY_KEYRING])
def test_every_sealed_value_is_tried(place: str, sqlite: Database, keyring: Keyring, tmp_path: Path) -> None:
    references = fill(sqlite)
    hand_over_and_add(sqlite)
    hold_hand_over_and_purge(sqlite, references)
    make_backup(sqlite, tmp_path / "whole.backup", NOON, BACKUP_KEY)
    assert check_backup(tmp_path / "whole.backup", keyring, BACKUP_KEY).problems == ()
    table, column = place.split(".")
    with sqlite.transaction() as session:
        session.execute(update(Base.metadata.tables[table]).values({column: b"\x02" + b"damaged" * 9}))
        damaged = session.scalar(select(func.count()).select_from(Base.metadata.tables[table]))
    make_backup(sqlite, tmp_path / "damaged.backup", NOON, BACKUP_KEY)
    problems = check_backup(tmp_path / "damaged.backup", keyring, BACKUP_KEY).problems
    assert problems == (f"{damaged} values of {place} cannot be opened",)


def test_a_purged_baton_stays_away_and_what_it_became_comes_back(
    database: Database, backend: str, keyring: Keyring, tmp_path: Path, make_url: Callable[[str], str],
    open_url: Callable[[str], Database],
) -> None:  # fmt: skip
    """Purging the baton is not purging the submission that has its token; purging the submission takes both."""
    fill(database, 1)
    hand_over_and_add(database)
    make_backup(database, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    kept = Policy({"drafts": Entry("drafts", 1, "SN 2026-118")}, {}, {})
    late, before = NOON + timedelta(days=20), rows_of(database)
    confirm_clock(database, late, None, actor="cli:root")
    assert purge(database, kept, late, actor="system", tombstone_file=tmp_path / "tombstones").purged["batons"] == 2
    gone = {tombstone.fingerprint for tombstone in read(tmp_path / "tombstones", keyring)}
    restored = fetch(path, target := make_url(backend), keyring, *gone)
    other = open_url(target)
    assert restored.purged == {"batons": 2, "baton_links": 4, "drafts": 1}
    assert rows_of(other)["submissions"] == before["submissions"] and rows_of(other)["batons"] == []
    opened = submissions.open_submission(other, BATON, actor="anna", at=NOON)
    assert opened is not None and len(opened.additions) == 1

    again = fetch(path, target := make_url(backend), keyring, *(tombstone_of(keyring, n) for n in (BATON, BATONS[0])))
    belonging = ("submissions", "submission_keys", "submission_requests", "submission_additions", "status_changes")
    assert again.purged == {**dict.fromkeys(belonging, 1), "submission_lookups": 5}


def test_what_has_been_purged_stays_away(
    database: Database, backend: str, keyring: Keyring, tmp_path: Path, make_url: Callable[[str], str],
    open_url: Callable[[str], Database],
) -> None:  # fmt: skip
    references = fill(database, 7)
    draft = conversations.find(database, "web", "resident 4").draft
    assert draft is not None
    made = make_backup(database, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    names = [references[0], references[3], "TOKEN5", draft.token, "ABCDEFGH"]
    gone = {references[0], references[3], references[5]}
    restored = fetch(path, target := make_url(backend), keyring, *(tombstone_of(keyring, name) for name in names))
    belonging = ("submissions", "submission_keys", "submission_notes", "status_changes")
    assert restored == Restored(made, {**dict.fromkeys(belonging, 3), "drafts": 1}, 2)
    other = open_url(target)
    assert {line.reference for line in submissions.listing(other)} == set(references) - gone
    for table, kept in (*((name, 4) for name in belonging), ("drafts", 6), ("conversations", 7)):
        assert len(rows_of(other)[table]) == kept
    for reference in references:
        opened = submissions.open_submission(other, reference, actor="anna", at=NOON)
        assert (opened is None) == (reference in gone)
    assert conversations.find(other, "web", "resident 4").draft is None
    assert audit.verify(other) == []


PROGRAM = """
import os, resource, signal, sys
from datetime import UTC, date, datetime
from pathlib import Path
from sqlalchemy import Engine, event
from storage.backup import BackupError, make_backup, restore
from storage.backup_keys import BackupKey
from storage.database import Database
from storage.encryption import load_keys

what, url, keys, path, most, kill_after = sys.argv[1:]
keyring, at, key = load_keys(Path(keys)), datetime(2026, 3, 2, tzinfo=UTC), BackupKey(date(2026, 2, 1), b"k" * 32)

def kill(*arguments):
    if kill_after and arguments[2].startswith(kill_after):
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "after_cursor_execute", kill)
try:
    if what == "backup":
        database = Database(url, keyring)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
        make_backup(database, Path(path), at, key)
    else:
        restore(Path(path), url, keyring, key, at, actor="cli:root", tombstones=())
except BackupError as error:
    sys.exit(str(error))
"""


def start(
    what: str, url: str, keys: Path, path: Path, *, most: int = resource.RLIM_INFINITY, kill_after: str = ""
) -> subprocess.Popen[str]:
    """A process that makes or restores a backup, with a limit on the size of its files, or killed after a statement."""
    command = [sys.executable, "-c", PROGRAM, what, url, str(keys), str(path), str(most), kill_after]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def leftovers(directory: Path) -> list[Path]:
    return list(directory.glob(".*.part"))


def test_a_killed_backup_leaves_nothing_readable(
    database: Database, url: str, key_directory: Path, keyring: Keyring, tmp_path: Path
) -> None:
    fill_randomly(database, 1500)
    path = tmp_path / "backups" / "kontakt.backup"
    path.parent.mkdir()
    with start("backup", url, key_directory, path) as process:
        while process.poll() is None and not (found := leftovers(path.parent)):
            time.sleep(0.001)
        while process.poll() is None and found[0].stat().st_size < 500_000:
            time.sleep(0.001)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert [entry.name for entry in path.parent.iterdir()] == [found[0].name]
    assert stat.S_IMODE(found[0].stat().st_mode) == 0o600
    assert_nothing_is_readable(found[0].read_bytes(), database)
    with pytest.raises(BackupError):
        list(read_lines(found[0], keyring, BACKUP_KEY))
    make_backup(database, path, NOON, BACKUP_KEY)
    assert check_backup(path, keyring, BACKUP_KEY).rows["conversations"] == 1506


def assert_nothing_is_readable(content: bytes, database: Database) -> None:
    """Of what is in it; the day that it is of stands in front."""
    content = content[backup_file.HEAD_BYTES :]
    with database.reading() as session:
        words = set(session.scalars(select(SubmissionRow.reference)))
    words |= {"MARKER", "anna", "sala", "in_review", "2026-03-02", "submissions", "audit_events", "Intresse", "argon"}
    assert [word for word in words if word.encode() in content] == []


def test_a_backup_is_for_its_owner_alone_and_sealed(large: Database, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_backup(large, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert_nothing_is_readable(path.read_bytes(), large)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    "statement", ["INSERT INTO conversations", "INSERT INTO submission_keys", "UPDATE audit_anchor"]
)
def test_a_killed_restore_leaves_an_empty_database(
    statement: str, database: Database, backend: str, key_directory: Path, keyring: Keyring, tmp_path: Path,
    make_url: Callable[[str], str], open_url: Callable[[str], Database],
) -> None:  # fmt: skip
    fill(database)
    made = make_backup(database, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    target = make_url(backend)
    with start("restore", target, key_directory, path, kill_after=statement) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert_nothing_restored(target, open_url)
    assert fetch(path, target, keyring).backup == made


@pytest.mark.parametrize("most", [0, 10, 300_000, 1_000_000])
def test_a_full_disk_is_told_and_leaves_no_file(
    most: int, large: Database, key_directory: Path, tmp_path: Path
) -> None:
    """A limit on the size of files is what a full disk is to the program: writes that fail half-way."""
    path = tmp_path / "kontakt.backup"
    url = str(large._engine.url)
    large.close()
    with start("backup", url, key_directory, path, most=most) as process:
        problem = process.communicate()[1]
    assert (process.returncode, problem) == (1, f"the backup {path} cannot be written (File too large)\n")
    assert not path.exists() and leftovers(tmp_path) == []


def test_a_place_that_cannot_be_written_to(sqlite: Database, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    cases = [("taken", "there is something at"), ("link", "there is something at"), ("missing/b", "No such file")]
    for name, problem in cases:
        with pytest.raises(BackupError, match=problem) as error:
            make_backup(sqlite, tmp_path / name, NOON, BACKUP_KEY)
        one_line(error)
    assert (tmp_path / "taken").read_text() == "mine"
    for name in ("missing", "taken", ""):
        with pytest.raises(BackupError):
            check_backup(tmp_path / name, sqlite.keyring, BACKUP_KEY)


def test_the_format_carries_every_column() -> None:
    types = [column.type for table in Base.metadata.sorted_tables for column in table.columns]
    kinds = {kind.python_type for kind in types if not isinstance(kind, UtcDateTime)}
    assert kinds == {str, int, bool, bytes, date}


STONES = [Tombstone(f"{n:064x}", NOON + timedelta(days=n), "closed.24-months") for n in range(6)]


def test_tombstones_are_added_once_and_read_in_order(keyring: Keyring, tmp_path: Path) -> None:
    path = tmp_path / "tombstones"
    with pytest.raises(TombstoneError, match="cannot be read"):
        read(path, keyring)
    assert append(path, keyring, []) == 0
    assert read(path, keyring) == []
    assert append(path, keyring, STONES[:2]) == 2
    assert append(path, keyring, [*STONES[1:4], STONES[3]]) == 2
    assert append(path, keyring, STONES[:4]) == 0
    assert read(path, keyring) == STONES[:4]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tombstone_of(keyring, "ABCDEFGH") != tombstone_of(keyring, "ABCDEFGJ")
    assert "ABCDEFGH" not in tombstone_of(keyring, "ABCDEFGH")


def test_a_tombstone_that_was_being_written_when_the_power_went_is_written_again(
    keyring: Keyring, tmp_path: Path
) -> None:
    path = tmp_path / "tombstones"
    append(path, keyring, STONES[:2])
    whole = path.read_bytes()
    append(path, keyring, STONES[2:4])
    longer = path.read_bytes()
    for end in range(len(whole) + 1, len(longer)):
        path.write_bytes(longer[:end])
        found = read(path, keyring)
        assert found in (STONES[:2], STONES[:3])
    assert append(path, keyring, STONES) == 3
    assert read(path, keyring) == STONES


def test_tombstones_that_were_changed_are_refused(keyring: Keyring, tmp_path: Path) -> None:
    path = tmp_path / "tombstones"
    append(path, keyring, STONES)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    changed = [flipped(content, place, 0) for place in range(len(content)) if content[place : place + 1] != b"\n"]
    changed += [b"".join(lines[:n] + lines[n + 1 :]) for n in range(len(lines) - 1)]
    changed += [b"".join([lines[1], lines[0], *lines[2:]]), content + b"\n", content + lines[0]]
    for version in changed:
        path.write_bytes(version)
        for attempt in (lambda: read(path, keyring), lambda: append(path, keyring, STONES)):
            with pytest.raises(TombstoneError, match="is not what was written") as error:
                attempt()
            one_line(error)
        assert path.read_bytes() == version
    path.write_bytes(content)
    make_keys(tmp_path / "others")
    with pytest.raises(TombstoneError, match=r"or lookup\.key is another"):
        read(path, load_keys(tmp_path / "others"))


def test_tombstones_are_added_whole_or_not_at_all(keyring: Keyring, tmp_path: Path) -> None:
    path = tmp_path / "tombstones"
    append(path, keyring, STONES[:2])
    before = path.read_bytes()
    for wrong in (replace(STONES[2], rule="med mellanslag"), replace(STONES[2], fingerprint="ABCDEFGH")):
        with pytest.raises(ValueError, match="a tombstone needs"):
            append(path, keyring, [STONES[3], wrong])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 200, limits[1]))
    try:
        with pytest.raises(TombstoneError, match="cannot be written"):
            append(path, keyring, STONES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    path.chmod(0o640)
    with pytest.raises(TombstoneError, match="is open to other users"):
        append(path, keyring, STONES)


def test_many_add_tombstones_at_once(keyring: Keyring, tmp_path: Path) -> None:
    path = tmp_path / "tombstones"
    each = [[Tombstone(f"{n}{m:063x}", NOON, "closed") for m in range(20)] for n in range(5)]
    threads = [
        threading.Thread(target=lambda some=some: [append(path, keyring, [one]) for one in some]) for some in each
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [stone.fingerprint for stone in read(path, keyring)]
    assert len(found) == len(set(found)) == 100
