"""Another encryption key while everything runs: killed, run again, written beside; at the end the old key goes."""

import os
import pwd
import signal
import stat
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

import storage
from storage import (
    additions,
    audit,
    batons,
    conversations,
    deliveries,
    intake,
    missed_questions,
    reviewers,
    rotation,
    submissions,
    transfers,
)
from storage.backup_check import OWN_KEY
from storage.batons import Baton, NewLink
from storage.conversations import Conversation, Draft
from storage.database import Database, DatabaseError
from storage.deliveries import Outgoing
from storage.encryption import Keyring, SealError, key_id_of, keyring_from_texts, load_keys, make_keys
from storage.key_files import KeyFileError
from storage.missed_questions import MissedQuestion
from storage.rotation import CONTEXTS, RetireError
from storage.submissions import NewSubmission
from storage.tables import Base, ConversationRow, OutboxRow, SubmissionKeyRow, SubmissionNoteRow, SubmissionRow
from tests.storage.families import act, hand_over

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ROOT = Path(storage.__file__).parent.parent
FORM = {"id": "kontakta_mig", "title": {"sv": "Hur vill du bli kontaktad?"}}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def open_here(url: str, directory: Path) -> Iterator[Callable[[], Database]]:
    """Opens the test's database with the keys that are in the files now."""
    opened: list[Database] = []

    def open_one() -> Database:
        opened.append(Database(url, load_keys(directory)))
        return opened[-1]

    yield open_one
    for database in opened:
        database.close()


@dataclass
class Book:
    """What has been written, and must be readable at the end."""

    conversations: dict[str, Conversation] = field(default_factory=dict)
    responses: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    outbox: dict[str, str] = field(default_factory=dict)
    submissions: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    missed: set[str] = field(default_factory=set)
    batons: dict[str, tuple[Baton, NewLink]] = field(default_factory=dict)
    transfers: dict[str, Draft] = field(default_factory=dict)

    def turn(self, database: Database, sender: str) -> None:
        """A turn of that sender's conversation, with a draft, a reply to send and a question that was missed."""
        before = conversations.find(database, "web", sender)
        text = f"{sender} {before.version}"
        draft = before.draft or Draft(conversations.make_draft_token(), "kontakta_mig", 1, {}, "namn", NOON, NOON)
        self.conversations[sender] = conversations.save(
            database,
            before,
            replace(before, state={"said": text}, draft=replace(draft, answers={"namn": text})),
            message_id=text,
            response={"text": text},
            at=NOON,
            outbox=[Outgoing(text, {"text": text})],
            missed=MissedQuestion(text, "sv", "sala", "no_answer"),
        )
        self.responses[sender] = {"text": text}
        self.outbox[text] = text
        self.missed.add(text)

    def receive(self, database: Database, sender: str) -> None:
        deliveries.receive(database, "telegram", "1", {"text": sender}, NOON, sender=sender)
        self.waiting[sender] = sender

    def submit(self, database: Database, *numbers: str) -> str:
        """A submission of each number, in one transaction; the last one's reference."""
        new = [submission(number) for number in numbers]
        with database.transaction() as session:
            for one in new:
                intake.insert(session, one, actor="resident", at=NOON)
        self.submissions |= {one.reference: (number, []) for one, number in zip(new, numbers, strict=True)}
        return new[-1].reference

    def note(self, database: Database, reference: str, text: str) -> None:
        submissions.add_note(database, reference, text, actor="anna", at=NOON)
        self.submissions[reference][1].append(text)

    def hand_over(self, database: Database) -> None:
        """A baton for two guardians, the first of whom declines, and a draft on its way to another channel."""
        token = conversations.make_draft_token()
        first, _ = hand_over(database, token)
        act(database, batons.BatonAnswer(token, 1, "declined", f"nej {token}", "Bo"))
        baton = batons.find(database, token, NOON)
        assert baton is not None
        self.batons[token] = baton, first
        draft = Draft(token, "kontakta_mig", 1, {"namn": token}, "namn", NOON, NOON, FORM)
        act(database, transfers.NewTransfer(f"to {token}", draft))
        self.transfers[f"to {token}"] = draft

    def reviewer(self, database: Database, username: str) -> None:
        reviewers.add(database, username, f"Namn {username}", "argon", "reviewer", actor="cli:root", at=NOON)
        self.names[username] = f"Namn {username}"

    def compare(self, database: Database) -> None:
        """Everything that was written, as the functions that the program uses read it."""
        for sender, conversation in self.conversations.items():
            assert conversations.find(database, "web", sender) == conversation
            message = self.responses[sender]["text"]
            assert conversations.handled(database, "web", sender, message) == self.responses[sender]
        waiting = deliveries.waiting(database, "telegram", limit=10**6)
        assert {incoming.sender: incoming.payload["text"] for incoming in waiting} == self.waiting
        due = deliveries.due(database, "web", NOON, limit=10**6)
        assert {reply.recipient: reply.payload["text"] for reply in due} == self.outbox
        for reference, (number, notes) in self.submissions.items():
            opened = submissions.open_submission(database, reference, actor="anna", at=NOON)
            assert opened is not None
            assert (opened.answers, [note.text for note in opened.notes]) == ({"namn": number}, notes)
        assert {reviewer.username: reviewer.name for reviewer in reviewers.listing(database)} == self.names
        listed = missed_questions.listing(database, NOON, limit=10**6)
        assert {found.question.text for found in listed} == self.missed
        for token, (baton, link) in self.batons.items():
            assert batons.find(database, token, NOON) == baton
            assert batons.open_link(database, link.token, link.code, at=NOON).baton.links[0].reason == f"nej {token}"
        for token, draft in self.transfers.items():
            carried = transfers.carried(database, token, at=NOON)
            assert carried is not None and carried.draft == draft
        assert audit.verify(database) == []


def submission(number: str) -> NewSubmission:
    return NewSubmission(
        submissions.make_reference(), f"T{number}", "kontakta_mig", 1, FORM, {"namn": number}, (), "sala", "web", "sv"
    )  # fmt: skip


def fill(database: Database, rows: int) -> Book:
    book = Book()
    for number in range(rows):
        book.turn(database, f"resident {number}")
        book.receive(database, f"sender {number}")
    book.submit(database, *map(str, range(rows)))
    for number in range(1 + rows // 20):
        book.reviewer(database, f"reviewer{number}")
    for _ in range(1 + rows // 20):
        book.hand_over(database)
    for number, reference in enumerate(list(book.submissions)[::3]):
        book.note(database, reference, f"note {number}")
    make_old(database, list(book.submissions)[::2])
    return book


def make_old(database: Database, references: list[str]) -> None:
    """Submissions as they were stored before they had keys of their own."""
    with database.transaction() as session:
        keyring: Keyring = session.info["keyring"]
        for row in session.scalars(select(SubmissionRow).where(SubmissionRow.reference.in_(references))):
            key = intake.find_key(session, row)
            assert key is not None
            context = intake.content_context(row.reference)
            row.content_sealed = keyring.seal_json(key.open_json(row.content_sealed, context), context)
            context = intake.note_context(row.reference)
            for note in session.scalars(select(SubmissionNoteRow).where(SubmissionNoteRow.submission_id == row.id)):
                note.text_sealed = keyring.seal_json(key.open_json(note.text_sealed, context), context)
            session.execute(delete(SubmissionKeyRow).where(SubmissionKeyRow.submission_id == row.id))


def age(directory: Path) -> None:
    """As if the key file had been changed two minutes ago."""
    then = time.time() - 120
    os.utime(directory / "encryption.keys", (then, then))


def key_lines(directory: Path) -> list[str]:
    return [line.split()[0] for line in (directory / "encryption.keys").read_text().splitlines()]


ROTATE = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from storage import rotation
from storage.database import Database
from storage.encryption import load_keys

updates = iter(range(1, 10**6))

def kill(*arguments):
    if arguments[2].startswith("UPDATE") and next(updates) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "after_cursor_execute", kill)
rotation.rotate(Database(sys.argv[1], load_keys(Path(sys.argv[2]))), lambda *done: print(done, flush=True), batch=7)
"""


def rotate_and_kill(url: str, directory: Path, *, in_transaction: int = 0, after_batches: int = 0) -> None:
    """A process that rotates; it dies in the middle of its n-th transaction, or wherever it is after n batches."""
    command = [sys.executable, "-c", ROTATE, url, str(directory), str(in_transaction)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for _ in range(after_batches):
            assert process.stdout.readline()
        if after_batches:
            process.kill()
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL


KILLS = [{"in_transaction": 1}, {"after_batches": 9}, {"in_transaction": 30}, {"after_batches": 25}]


def test_rotation_is_killed_and_run_again_while_others_write(
    url: str, directory: Path, open_here: Callable[[], Database]
) -> None:
    database = open_here()
    book = fill(database, 280)
    old, noted = key_lines(directory)[0], list(book.submissions)
    assert sum(rotation.in_use(database).values()) >= 2000
    stop = threading.Event()

    def write(writer: int) -> int:
        """Through a database that was opened before there was a new key, as a program that runs has it."""
        number = 0
        while not stop.is_set():
            number += 1
            book.turn(database, f"resident {writer * 80 + number % 80}")
            book.receive(database, f"late {writer} {number}")
            book.note(database, noted[writer * 80 + number % 80], f"late note {number}")
            book.submit(database, f"late{writer}x{number}")
            assert submissions.open_submission(database, noted[writer], actor="anna", at=NOON) is not None
            time.sleep(0.1)
        return number

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, writer) for writer in range(3)]
        try:
            new = rotation.add_key(directory)
            for kill in KILLS:
                rotate_and_kill(url, directory, **kill)
                assert set(rotation.in_use(database)) == {old, new}
            rotation.rotate(database)
        finally:
            stop.set()
        assert all(writer.result() > 3 for writer in writers)

    assert rotation.rotate(database).remaining == {}
    assert set(rotation.in_use(database)) == {new}
    age(directory)
    rotation.retire(database, directory, old)
    assert key_lines(directory) == [new] == list(load_keys(directory).keys)
    book.compare(open_here())


def test_everything_is_sealed_anew_and_counted(directory: Path, open_here: Callable[[], Database]) -> None:
    database = open_here()
    book = fill(database, 12)
    old = key_lines(directory)[0]
    count = rotation.in_use(database)[old]
    new = rotation.add_key(directory)
    told: list[tuple[int, int]] = []
    result = rotation.rotate(database, lambda done, total: told.append((done, total)), batch=5)
    assert (result.resealed, result.remaining) == (count, {})
    assert told[-1] == (count, count) and told == sorted(told) and len(told) > count // 5
    with database.reading() as session:
        for column in (SubmissionRow.content_sealed, SubmissionNoteRow.text_sealed):
            assert {key_id_of(content) for content in session.scalars(select(column))} == {None}
    assert set(rotation.in_use(database)) == {new}
    assert rotation.rotate(database).resealed == 0
    book.compare(open_here())


def test_content_under_a_key_of_its_own_is_not_touched(directory: Path, open_here: Callable[[], Database]) -> None:
    database, book = open_here(), Book()
    book.note(database, book.submit(database, "1"), "note")

    def stored() -> list[bytes]:
        with database.reading() as session:
            columns = (SubmissionRow.content_sealed, SubmissionNoteRow.text_sealed, SubmissionKeyRow.key_sealed)
            return [session.scalars(select(column)).one() for column in columns]

    before = stored()
    rotation.add_key(directory)
    rotation.rotate(database)
    after = stored()
    assert after[:2] == before[:2] and after[2] != before[2]
    book.compare(database)


def test_every_sealed_column_is_known_to_rotation() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed")
    }
    known = {f"{column.class_.__tablename__}.{column.key}" for column in CONTEXTS}
    own_key = {f"{column.class_.__tablename__}.{column.key}" for column in OWN_KEY}
    assert sealed == known | own_key | {"key_check.proof_sealed"}


def test_what_is_asked_and_added_after_a_rotation_has_the_submissions_own_key(
    directory: Path, open_here: Callable[[], Database]
) -> None:
    """Also for a submission from before there were such keys: asking gives it one."""
    database, book = open_here(), Book()
    reference = book.submit(database, "1")
    make_old(database, [reference])
    additions.ask(database, reference, "Vad?", actor="anna", at=NOON)
    rotation.add_key(directory)
    rotation.rotate(database)
    (request,) = additions.open_requests_of(database, reference)
    act(database, additions.Addition(reference, request.id, "Det", None))
    opened = submissions.open_submission(open_here(), reference, actor="anna", at=NOON)
    assert opened is not None
    assert ([one.text for one in opened.requests], [one.text for one in opened.additions]) == (["Vad?"], ["Det"])


def test_a_row_that_somebody_is_writing_to_gets_its_turn(directory: Path, open_here: Callable[[], Database]) -> None:
    database, book = open_here(), Book()
    for number in range(3):
        book.turn(database, f"resident {number}")
    rotation.add_key(directory)
    held, other = threading.Event(), open_here()

    def hold() -> None:
        with other.transaction() as session:
            session.execute(update(ConversationRow).values(updated_at=NOON))
            held.set()
            time.sleep(0.5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    assert rotation.rotate(database).remaining == {}
    holder.join()
    book.compare(database)


def test_a_damaged_value_stops_nothing_and_keeps_its_key(directory: Path, open_here: Callable[[], Database]) -> None:
    database, book = open_here(), Book()
    for number in range(3):
        book.turn(database, f"resident {number}")
    old = key_lines(directory)[0]
    with database.transaction() as session:
        row = session.scalars(select(OutboxRow).order_by(OutboxRow.id)).first()
        assert row is not None
        row.content_sealed = row.content_sealed[:-1] + bytes([row.content_sealed[-1] ^ 1])
    rotation.add_key(directory)
    result = rotation.rotate(database)
    assert (result.resealed, result.remaining) == (14, {old: 1})
    age(directory)
    with pytest.raises(RetireError, match=f"1 values are sealed with the key {old}"):
        rotation.retire(database, directory, old)


def test_a_key_is_not_put_away_too_early(directory: Path, open_here: Callable[[], Database]) -> None:
    database, book = open_here(), Book()
    book.turn(database, "resident")
    old = key_lines(directory)[0]
    age(directory)
    with pytest.raises(RetireError, match=f"the key {old} is the one that seals"):
        rotation.retire(database, directory, old)
    new = rotation.add_key(directory)
    with pytest.raises(RetireError, match="has just been changed"):
        rotation.retire(database, directory, old)
    age(directory)
    before = (directory / "encryption.keys").read_bytes()
    with pytest.raises(RetireError, match=rf"5 values are sealed with the key {old}: run `kontakt keys rotate` first"):
        rotation.retire(database, directory, old)
    with pytest.raises(RetireError, match="there is no key elsewhere"):
        rotation.retire(database, directory, "elsewhere")
    assert (directory / "encryption.keys").read_bytes() == before
    rotation.rotate(database)
    rotation.retire(database, directory, old)
    assert key_lines(directory) == [new]
    book.compare(open_here())


def test_a_key_put_away_by_hand_too_early_stops_the_start(
    url: str, directory: Path, open_here: Callable[[], Database]
) -> None:
    running, book = open_here(), Book()
    book.turn(running, "resident")
    old = key_lines(directory)[0]
    rotation.add_key(directory)
    open_here()
    file = directory / "encryption.keys"
    whole = file.read_text()
    file.write_text(whole.splitlines()[0] + "\n")
    with pytest.raises(DatabaseError, match=f"the encryption key {old} is missing") as caught:
        open_here()
    assert "\n" not in str(caught.value)
    book.turn(running, "resident")
    book.compare(running)
    file.write_text(whole)
    book.compare(open_here())


def test_a_new_key_that_is_lost_stops_the_start(directory: Path, open_here: Callable[[], Database]) -> None:
    database, book = open_here(), Book()
    book.turn(database, "resident")
    before = (directory / "encryption.keys").read_text()
    new = rotation.add_key(directory)
    rotation.rotate(database)
    (directory / "encryption.keys").write_text(before)
    with pytest.raises(DatabaseError, match=f"the encryption key {new} is missing"):
        open_here()


def test_keys_that_are_no_files_are_changed_too(url: str) -> None:
    old, new, lookup, session = (b64encode(bytes([number]) * 32).decode() for number in range(4))
    book = Book()
    steps = [f"old {old}", f"old {old}\nnew {new}", f"new {new},old {old}"]
    for step in steps:
        database = Database(url, keyring_from_texts(step, lookup, session))
        book.turn(database, "resident")
        result = rotation.rotate(database)
        assert result.remaining == {}
        if step is not steps[-1]:
            database.close()
    with pytest.raises(DatabaseError, match="the encryption key old is missing"):
        Database(url, keyring_from_texts(f"new {new}", lookup, session))
    with pytest.raises(RetireError, match="the key new is the one that seals"):
        rotation.release(database, "new")
    rotation.release(database, "old")
    database.close()
    database = Database(url, keyring_from_texts(f"new {new}", lookup, session))
    book.compare(database)
    database.close()


def test_without_its_key_no_copy_of_a_submission_can_be_read(
    directory: Path, open_here: Callable[[], Database]
) -> None:
    database, book = open_here(), Book()
    destroyed, kept = book.submit(database, "1"), book.submit(database, "2")
    book.note(database, destroyed, "note")
    with database.transaction() as session:
        destroyed_id = select(SubmissionRow.id).where(SubmissionRow.reference == destroyed).scalar_subquery()
        session.execute(delete(SubmissionKeyRow).where(SubmissionKeyRow.submission_id == destroyed_id))
    with pytest.raises(SealError, match="destroyed"):
        submissions.open_submission(database, destroyed, actor="anna", at=NOON)
    with pytest.raises(SealError, match="destroyed"):
        submissions.add_note(database, destroyed, "more", actor="anna", at=NOON)
    assert [event.event for event in audit.trail(database, destroyed)] == [
        "submission.received",
        "submission.note_added",
    ]
    rotation.add_key(directory)
    rotation.rotate(database)
    with database.reading() as session:
        row = session.scalars(select(SubmissionRow).where(SubmissionRow.reference == destroyed)).one()
        note = session.scalars(select(SubmissionNoteRow)).one()
        other = session.scalars(select(SubmissionRow).where(SubmissionRow.reference == kept)).one()
        wrong = intake.find_key(session, other)
        assert intake.find_key(session, row) is None and wrong is not None
    contexts = {row.content_sealed: intake.content_context(destroyed), note.text_sealed: intake.note_context(destroyed)}
    for sealed, context in contexts.items():
        for sealer in (database.keyring, wrong):
            with pytest.raises(SealError):
                sealer.open_json(sealed, context)
    assert submissions.open_submission(database, kept, actor="anna", at=NOON) is not None


def test_a_new_key_is_put_first_and_kept_to_its_owner(directory: Path) -> None:
    before = (directory / "encryption.keys").read_text()
    (directory / ".encryption.keys.new").write_text("left by one that was killed")
    ids = [rotation.add_key(directory), rotation.add_key(directory)]
    content = (directory / "encryption.keys").read_text()
    assert content.endswith(before) and key_lines(directory)[:2] == ids[::-1]
    assert stat.S_IMODE((directory / "encryption.keys").stat().st_mode) == 0o600
    assert sorted(path.name for path in directory.iterdir()) == ["encryption.keys", "lookup.key", "session.key"]


def test_the_key_file_keeps_its_owner(directory: Path) -> None:
    """The administrator may be root, the program another user."""
    owner = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    os.chown(directory / "encryption.keys", owner, -1)
    rotation.add_key(directory)
    assert (directory / "encryption.keys").stat().st_uid == owner


def test_keys_that_cannot_be_changed_or_read_give_one_line(directory: Path) -> None:
    (directory / ".encryption.keys.new").mkdir()
    with pytest.raises(KeyFileError, match=f"the keys in {directory} cannot be changed"):
        rotation.add_key(directory)
    (directory / "encryption.keys").write_text("damaged")
    with pytest.raises(KeyFileError, match="damaged"):
        rotation.add_key(directory)
    assert (directory / "encryption.keys").read_text() == "damaged"


def test_keys_added_at_once_are_all_there(directory: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: rotation.add_key(directory), range(24)))
    assert set(added) < set(key_lines(directory)) and len(key_lines(directory)) == 25


def test_a_program_that_runs_uses_a_new_key_at_once(directory: Path, open_here: Callable[[], Database]) -> None:
    running, book = open_here(), Book()
    book.turn(running, "before")
    old, new = key_lines(directory)[0], rotation.add_key(directory)
    book.turn(running, "after")
    assert rotation.in_use(running) == {old: 5, new: 5}
    (directory / "encryption.keys").write_text("damaged just now")
    book.turn(running, "damaged")
    (directory / "encryption.keys").unlink()
    book.turn(running, "gone")
    assert rotation.in_use(running) == {old: 5, new: 15}
    book.compare(running)
