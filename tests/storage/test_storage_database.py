"""The database itself: settings, revisions, keys, errors in one line, many writers."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event, exc, inspect, select, text
from sqlalchemy.orm import Session

import storage
from storage import audit, conversations, rotation, submissions
from storage.conversations import Conversation, ConversationChangedError
from storage.database import (
    REVISION,
    Database,
    DatabaseError,
    DatabaseUnavailableError,
    check_schema,
    migrate,
)
from storage.encryption import Keyring, key_id_of, load_keys, make_keys
from storage.engine import SQLITE_SETTINGS, WAIT_SECONDS, check_settings, parse
from storage.rotation import Rotation
from storage.tables import Base, ConversationRow, SubmissionNoteRow, SubmissionRow

FORK = multiprocessing.get_context("fork")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ROOT = Path(storage.__file__).parent.parent
MIGRATIONS = ROOT / "storage" / "migrations"


def plain_engine(url: str) -> Engine:
    return create_engine(parse(url))


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def file_of(url: str) -> Path:
    return Path(str(parse(url).database))


@pytest.mark.parametrize("setting", [name for name, _, _ in SQLITE_SETTINGS])
def test_each_missing_setting_is_refused(setting: str, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    for name, value, _ in SQLITE_SETTINGS:
        connection.execute(f"PRAGMA {name} = {value}")
    check_settings(connection)
    other = {"journal_mode": "DELETE", "busy_timeout": "100"}.get(setting, "0")
    connection.execute(f"PRAGMA {setting} = {other}")
    with pytest.raises(DatabaseError, match=setting):
        check_settings(connection)
    connection.close()


def test_every_connection_has_the_settings(tmp_path: Path, keyring: Keyring) -> None:
    url = f"sqlite:///{tmp_path}/kontakt.sqlite"
    migrate(url)
    database = Database(url, keyring)
    with database.reading() as one, database.reading() as two, database.transaction() as three:
        for session in (one, two, three):
            found = [session.execute(text(f"PRAGMA {name}")).scalar() for name, _, _ in SQLITE_SETTINGS]
            assert found == [wanted for _, _, wanted in SQLITE_SETTINGS]
    database.close()


def test_files_are_for_their_owner_only(tmp_path: Path, keyring: Keyring) -> None:
    before = os.umask(0)
    try:
        url = f"sqlite:///{tmp_path}/var/kontakt.sqlite"
        migrate(url)
        database = Database(url, keyring)
        conversations.save(
            database, Conversation("web", "a"), Conversation("web", "a"), message_id="1", response={}, at=NOON
        )
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var").iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("kontakt.sqlite", "kontakt.sqlite-wal", "kontakt.sqlite-shm"), 0o600)
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


UNUSABLE_ADDRESSES = [
    ("no address at all", "use sqlite"),
    ("mysql://localhost/kontakt", "use sqlite"),
    ("sqlite://", "ordinary file"),
    ("sqlite:///:memory:", "ordinary file"),
    ("sqlite:////nowhere/kontakt.sqlite", "there is no database at"),
    ("postgresql://kontakt:s3cret@/kontakt?host=/nowhere", "did not answer"),
]


@pytest.mark.parametrize(("address", "reason"), UNUSABLE_ADDRESSES)
def test_an_unusable_address_gives_one_line(address: str, reason: str, keyring: Keyring) -> None:
    for use in (lambda: check_schema(address), lambda: Database(address, keyring)):
        with pytest.raises(DatabaseError, match=reason) as caught:
            use()
        assert "\n" not in str(caught.value) and "s3cret" not in str(caught.value)


def test_a_file_that_is_no_database_gives_one_line(tmp_path: Path) -> None:
    path = tmp_path / "kontakt.sqlite"
    path.write_bytes(b"this is not a database" * 100)
    path.chmod(0o600)
    for use in (migrate, check_schema):
        with pytest.raises(DatabaseError, match="file is not a database"):
            use(f"sqlite:///{path}")
    assert path.read_bytes() == b"this is not a database" * 100


def test_a_file_open_to_others_is_refused(migrated_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "kontakt.sqlite"
    shutil.copy2(migrated_file, path)
    path.chmod(0o640)
    with pytest.raises(DatabaseError, match=f"chmod 600 {path}"):
        check_schema(f"sqlite:///{path}")


def test_a_database_that_is_not_set_up_is_refused(empty_url: str, keyring: Keyring) -> None:
    if empty_url.startswith("sqlite"):
        file_of(empty_url).parent.mkdir()
        file_of(empty_url).touch(0o600)
    for use in (lambda: check_schema(empty_url), lambda: Database(empty_url, keyring)):
        with pytest.raises(DatabaseError, match="run kontakt migrate"):
            use()


REVISIONS = [
    (f"{int(REVISION) + 1:04}", "newer"),
    ("9999", "newer"),
    ("a1b2c3", "newer"),
    ("0000", "run kontakt migrate"),
]


def test_another_revision_is_refused(empty_url: str, keyring: Keyring) -> None:
    migrate(empty_url)
    engine = plain_engine(empty_url)
    for stored, reason in REVISIONS:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :stored"), {"stored": stored})
        with pytest.raises(DatabaseError, match=reason):
            check_schema(empty_url)
        with pytest.raises(DatabaseError, match=reason):
            Database(empty_url, keyring)
        with pytest.raises(DatabaseError):
            migrate(empty_url)
        with engine.begin() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == stored
    engine.dispose()


def test_migrate_sets_up_and_then_does_nothing(empty_url: str, keyring: Keyring) -> None:
    migrate(empty_url)
    check_schema(empty_url)
    Database(empty_url, keyring).close()
    migrate(empty_url)
    check_schema(empty_url)


def test_a_start_without_news_does_not_load_alembic(migrated_file: Path) -> None:
    program = "import sys; from storage.database import migrate; migrate(sys.argv[1]); print('alembic' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program, f"sqlite:///{migrated_file}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert (run.stdout, run.stderr) == ("False\n", "")


def test_the_newest_revision_is_the_one_the_program_knows() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [REVISION]


def test_tables_and_revisions_say_the_same(url: str) -> None:
    engine = plain_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_revisions_go_down_and_up_again(empty_url: str, keyring: Keyring) -> None:
    migrate(empty_url)
    engine = plain_engine(empty_url)
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()
    migrate(empty_url)
    Database(empty_url, keyring).close()


def migrate_and_be_killed(url: str, statement: str) -> None:
    def kill(*arguments: Any) -> None:
        if arguments[2].lstrip().startswith(statement):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", kill)
    migrate(url)


def test_a_killed_migration_has_not_happened(empty_url: str, keyring: Keyring) -> None:
    killed = FORK.Process(target=migrate_and_be_killed, args=(empty_url, "CREATE TABLE submissions"))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    with pytest.raises(DatabaseError, match="is not set up"):
        check_schema(empty_url)
    migrate(empty_url)
    Database(empty_url, keyring).close()


TIME = "2026-03-02 12:00:00.000000"
OLD_NOTES = {"AB2CDE3F": ["Ringde, inget svar \x00", "Ny tid \ud800"], "AB2CDE3G": []}


def set_up_revision_0002(url: str, keyring: Keyring) -> None:
    """A database as the program of revision 0002 left it, with two submissions, notes on one, and their events."""
    if url.startswith("sqlite"):
        file_of(url).parent.mkdir()
        file_of(url).touch(0o600)
    engine, config = plain_engine(url), alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(
            text("INSERT INTO key_check (id, proof_sealed, lookup_key) VALUES (1, :proof, :lookup)"),
            {"proof": keyring.seal(b"kontakt", "key_check"), "lookup": keyring.fingerprint("", "key_check")},
        )
        connection.execute(text("INSERT INTO form_snapshots (digest, title, content) VALUES ('d', 'Titel', '{}')"))
        for number, (reference, notes) in enumerate(OLD_NOTES.items(), start=1):
            answers = {"answers": {"namn": f"Åsa {reference}"}, "flags": ["tolk"]}
            connection.execute(
                text(
                    "INSERT INTO submissions (id, reference, draft_token, form_id, form_version, form_snapshot,"
                    " content_sealed, municipality, channel, language, received_at, status, version)"
                    f" VALUES ({number}, '{reference}', 'T{number}', 'kontakta_mig', 1, 'd',"
                    f" :sealed, 'sala', 'web', 'sv', '{TIME}', 'received', 1)"
                ),
                {"sealed": keyring.seal_json(answers, f"submissions:{reference}:content")},
            )
            for note in notes:
                connection.execute(
                    text(
                        "INSERT INTO submission_notes (submission_id, written_at, actor, text_sealed)"
                        f" VALUES ({number}, '{TIME}', 'anna', :sealed)"
                    ),
                    {"sealed": keyring.seal_json(note, f"submission_notes:{reference}:text")},
                )
    with Session(engine, info={"keyring": keyring}) as session, session.begin():
        for reference in OLD_NOTES:
            audit.record(session, actor="resident", event="submission.received", subject=reference, at=NOON)
    engine.dispose()


def opened_notes(database: Database) -> dict[str, list[str]]:
    found = {}
    for reference in OLD_NOTES:
        opened = submissions.open_submission(database, reference, actor="anna", at=NOON)
        assert opened is not None
        assert (opened.answers, opened.flags) == ({"namn": f"Åsa {reference}"}, ("tolk",))
        found[reference] = [note.text for note in opened.notes]
    return found


def test_submissions_of_revision_0002_stay_readable(empty_url: str, keyring: Keyring) -> None:
    set_up_revision_0002(empty_url, keyring)
    migrate(empty_url)
    database = Database(empty_url, keyring)
    assert opened_notes(database) == OLD_NOTES
    for reference in OLD_NOTES:
        submissions.add_note(database, reference, "later", actor="bo", at=NOON)
    expected = {reference: [*notes, "later"] for reference, notes in OLD_NOTES.items()}
    assert opened_notes(database) == expected
    assert rotation.rotate(database) == Rotation(4, {})
    assert opened_notes(database) == expected
    with database.reading() as session:
        for column in (SubmissionRow.content_sealed, SubmissionNoteRow.text_sealed):
            assert {key_id_of(sealed) for sealed in session.scalars(select(column))} == {None}
    assert audit.verify(database) == []
    database.close()


def test_keys_of_another_database_are_still_refused_after_migrating(
    empty_url: str, keyring: Keyring, tmp_path: Path
) -> None:
    set_up_revision_0002(empty_url, keyring)
    migrate(empty_url)
    make_keys(tmp_path / "other-keys")
    with pytest.raises(DatabaseError, match="the key files are not those"):
        Database(empty_url, load_keys(tmp_path / "other-keys"))


@pytest.mark.parametrize("statement", ["CREATE TABLE submission_keys", "DROP TABLE key_check", "INSERT INTO key_check"])
def test_a_migration_killed_beside_data_has_not_happened(statement: str, empty_url: str, keyring: Keyring) -> None:
    set_up_revision_0002(empty_url, keyring)
    killed = FORK.Process(target=migrate_and_be_killed, args=(empty_url, statement))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    with pytest.raises(DatabaseError, match="is of revision 0002"):
        check_schema(empty_url)
    migrate(empty_url)
    database = Database(empty_url, keyring)
    assert opened_notes(database) == OLD_NOTES
    database.close()


def test_revision_0003_goes_down_only_while_no_submission_has_a_key(empty_url: str, keyring: Keyring) -> None:
    set_up_revision_0002(empty_url, keyring)
    config, engine = alembic_config(), plain_engine(empty_url)

    def downgrade() -> None:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0002")

    migrate(empty_url)
    downgrade()
    with engine.begin() as connection:
        proof = connection.execute(text("SELECT id, proof_sealed FROM key_check")).one()
    assert (proof.id, keyring.open(bytes(proof.proof_sealed), "key_check")) == (1, b"kontakt")
    migrate(empty_url)
    database = Database(empty_url, keyring)
    submissions.add_note(database, "AB2CDE3F", "later", actor="bo", at=NOON)
    with pytest.raises(CommandError, match="1 submissions have keys of their own"):
        downgrade()
    assert opened_notes(database)["AB2CDE3F"][-1] == "later"
    database.close()
    engine.dispose()


def test_processes_may_migrate_at_once(empty_url: str, keyring: Keyring) -> None:
    running = [FORK.Process(target=migrate, args=(empty_url,)) for _ in range(4)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * 4
    Database(empty_url, keyring).close()


@pytest.mark.parametrize("lost", ["encryption.keys", "lookup.key"])
def test_other_keys_are_refused(lost: str, url: str, key_directory: Path, tmp_path: Path, keyring: Keyring) -> None:
    Database(url, keyring).close()
    other = tmp_path / "other-keys"
    shutil.copytree(key_directory, other)
    (other / lost).unlink()
    make_keys(other)
    with pytest.raises(DatabaseError, match="the key files are not those"):
        Database(url, load_keys(other))
    Database(url, keyring).close()


def test_eight_writers_all_get_their_turn(database: Database) -> None:
    errors: list[Exception] = []
    waits: list[float] = []

    def write(number: int) -> None:
        conversation = Conversation("web", f"resident {number}")
        for message in range(40):
            started = time.perf_counter()
            try:
                conversation = conversations.save(
                    database,
                    conversation,
                    conversation,
                    message_id=f"{message}",
                    response={"n": message},
                    at=NOON,
                )
            except (DatabaseError, ConversationChangedError) as error:
                errors.append(error)
            waits.append(time.perf_counter() - started)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert max(waits) < WAIT_SECONDS
    found = [conversations.find(database, "web", f"resident {number}").version for number in range(8)]
    assert found == [40] * 8


def test_two_processes_write_to_one_database(open_database: Callable[[], Database]) -> None:
    """Two open databases do not share the in-process lock, as two processes do not."""
    errors: list[Exception] = []

    def write(database: Database, number: int) -> None:
        conversation = Conversation("web", f"resident {number}")
        try:
            for message in range(40):
                conversation = conversations.save(
                    database, conversation, conversation, message_id=f"{message}", response={}, at=NOON
                )
        except (DatabaseError, ConversationChangedError) as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(open_database(), number)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def delete_and_fail() -> None:
        with database.transaction() as session:
            session.execute(text("DELETE FROM key_check"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        delete_and_fail()
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM key_check")).scalar() == 1


def test_a_full_disk_is_survived(migrated_file: Path, tmp_path: Path, keyring: Keyring) -> None:
    path = tmp_path / "kontakt.sqlite"
    shutil.copy2(migrated_file, path)
    database = Database(f"sqlite:///{path}", keyring)
    before = Conversation("web", "a", {"text": "x" * 200_000})
    with database.transaction() as session:
        session.execute(text("PRAGMA max_page_count = 1"))
    with pytest.raises(DatabaseUnavailableError, match="full"):
        conversations.save(database, before, before, message_id="1", response={}, at=NOON)
    assert conversations.find(database, "web", "a").version == 0
    with database.transaction() as session:
        session.execute(text("PRAGMA max_page_count = 1073741823"))
    assert conversations.save(database, before, before, message_id="1", response={}, at=NOON).version == 1
    with database.reading() as session:
        assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    database.close()


def test_another_process_that_holds_the_lock_is_waited_for_in_vain(
    migrated_file: Path, tmp_path: Path, keyring: Keyring
) -> None:
    path = tmp_path / "kontakt.sqlite"
    shutil.copy2(migrated_file, path)
    database = Database(f"sqlite:///{path}", keyring)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.perf_counter()
    with pytest.raises(DatabaseUnavailableError, match="locked"), database.transaction():
        pytest.fail("another connection holds the lock")
    assert time.perf_counter() - started < 7
    assert conversations.find(database, "web", "a").version == 0
    other.execute("ROLLBACK")
    with database.transaction() as session:
        session.execute(text("SELECT 1"))
    other.close()
    database.close()


def test_connections_cut_by_the_server_are_replaced(postgresql_url: str, keyring: Keyring) -> None:
    database = Database(postgresql_url, keyring)
    with pytest.raises(DatabaseUnavailableError), database.transaction() as session:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with database.transaction() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
    database.close()


def test_an_error_does_not_quote_what_was_written(database: Database) -> None:
    with pytest.raises(exc.DBAPIError) as caught, database.transaction() as session:
        session.execute(
            ConversationRow.__table__.insert(),  # type: ignore[attr-defined]
            {
                "channel": None,
                "sender_key": "k",
                "state_sealed": b"Kanariefageln",
                "version": 1,
                "started_at": NOON,
                "updated_at": NOON,
            },
        )
    assert "Kanariefageln" not in f"{caught.value} {caught.value!r}"


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(exc.StatementError, match="time zone"):
        conversations.save(
            database,
            Conversation("web", "a"),
            Conversation("web", "a"),
            message_id="1",
            response={},
            at=NOON.replace(tzinfo=None),
        )
