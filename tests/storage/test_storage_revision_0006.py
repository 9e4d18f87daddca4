"""Revision 0006 both ways beside data: what was there stays readable, what would be lost keeps it from going down."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event, inspect, text

import storage
from storage import additions, audit, batons, conversations, status_codes, submissions
from storage.conversations import Conversation, Draft
from storage.database import Database, DatabaseError, check_schema, migrate
from storage.encryption import DataKey, Keyring
from storage.engine import parse
from storage.status_codes import WrongCode
from storage.transfers import NewTransfer
from tests.storage.families import FORM, NOON, act, application, hand_over

TIME = "2026-03-02 12:00:00.000000"
TOKEN, REFERENCE = "ABCDEFGHJK", "AB2CDE3F"
ANSWERS = {"namn": "Åsa \x00\ud800", "telefon": None}
MIGRATIONS = Path(storage.__file__).parent / "migrations"
FORK = multiprocessing.get_context("fork")
DRAFT = Draft("BBBBBBBBBB", "kontakta_mig", 1, ANSWERS, "epost", NOON, NOON)


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    if empty_url.startswith("sqlite"):
        path = Path(str(parse(empty_url).database))
        path.parent.mkdir()
        path.touch(0o600)
    made = create_engine(parse(empty_url))
    yield made
    made.dispose()


def move(engine: Engine, revision: str) -> None:
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.upgrade if revision == "0006" else command.downgrade)(config, revision)


def set_up_revision_0005(engine: Engine, keyring: Keyring) -> None:
    """A conversation with a draft, and a submission, as the program of revision 0005 left them."""
    config = alembic_config()
    sender = keyring.fingerprint("a", "sender:web")
    key = b"k" * 32
    values = {
        "proof": keyring.seal(b"kontakt", "key_check"),
        "key_id": keyring.sealing,
        "lookup": keyring.fingerprint("", "key_check"),
        "sender": sender,
        "state": keyring.seal_json({"language": "sv"}, f"conversations:{sender}:state"),
        "draft": keyring.seal_json(
            {"answers": ANSWERS, "asking": "epost"}, f"conversations:{sender}:draft:{DRAFT.token}"
        ),
        "data_key": keyring.seal(key, f"submission_keys:{REFERENCE}:key"),
        "content": DataKey(key).seal_json({"answers": ANSWERS, "flags": ["tolk"]}, f"submissions:{REFERENCE}:content"),
        "anchor": keyring.seal_json([0, "0" * 64], "audit_anchor"),
    }
    statements = (
        "INSERT INTO key_check (key_id, proof_sealed, lookup_key) VALUES (:key_id, :proof, :lookup)",
        "INSERT INTO form_snapshots (digest, title, content) VALUES ('d', 'Titel', '{}')",
        "INSERT INTO conversations (id, channel, sender_key, state_sealed, version, started_at, updated_at)"
        f" VALUES (7, 'web', :sender, :state, 1, '{TIME}', '{TIME}')",
        "INSERT INTO drafts (conversation_id, token, form_id, form_version, content_sealed, started_at, updated_at)"
        f" VALUES (7, '{DRAFT.token}', 'kontakta_mig', 1, :draft, '{TIME}', '{TIME}')",
        "INSERT INTO submissions (id, reference, draft_token, form_id, form_version, form_snapshot, content_sealed,"
        " municipality, channel, language, received_at, status, version)"
        f" VALUES (1, '{REFERENCE}', 'T1', 'kontakta_mig', 1, 'd', :content, 'sala', 'web', 'sv', '{TIME}',"
        " 'received', 1)",
        "INSERT INTO submission_keys (submission_id, key_sealed) VALUES (1, :data_key)",
        "INSERT INTO audit_anchor (id, content_sealed) VALUES (1, :anchor)",
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for statement in statements:
            names = [name for name in values if f":{name}" in statement]
            connection.execute(text(statement), {name: values[name] for name in names})


def content(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table of the revision that it is of."""
    with engine.connect() as connection:
        names = sorted(inspect(connection).get_table_names())
        return {
            name: sorted(repr(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {name}")))
            for name in names
        }


def schema(engine: Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        found = inspect(connection)
        return {
            name: (
                [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
                found.get_pk_constraint(name),
                sorted(map(repr, found.get_unique_constraints(name))),
                sorted(map(repr, found.get_indexes(name))),
                sorted(repr(sorted(key.items(), key=repr)) for key in found.get_foreign_keys(name)),
            )
            for name in sorted(found.get_table_names())
        }


def test_what_revision_0005_left_is_read_and_goes_on(engine: Engine, empty_url: str, keyring: Keyring) -> None:
    set_up_revision_0005(engine, keyring)
    migrate(empty_url)
    database = Database(empty_url, keyring)
    found = conversations.find(database, "web", "a")
    assert found == Conversation("web", "a", {"language": "sv"}, DRAFT, 1)
    opened = submissions.open_submission(database, REFERENCE, actor="anna", at=NOON)
    assert opened is not None and (opened.answers, opened.flags) == (ANSWERS, ("tolk",))
    assert (opened.given, opened.requests, opened.additions, opened.signed_on_paper) == ({}, (), (), False)
    assert status_codes.status_of(database, REFERENCE, "123456", at=NOON) == WrongCode(4)

    going_on = replace(DRAFT, form=FORM, given={"namn": {"by": "vuxen_sjalv", "at": "x"}})
    conversations.save(database, found, replace(found, draft=going_on), message_id="1", response={}, at=NOON)
    assert conversations.find(database, "web", "a").draft == going_on
    additions.ask(database, REFERENCE, "Vad?", actor="anna", at=NOON)
    (request,) = additions.open_requests_of(database, REFERENCE)
    act(database, additions.Addition(REFERENCE, request.id, "Det", None))
    assert conversations.forget(database, "web", "a")
    assert audit.verify(database) == []
    database.close()


def test_down_and_up_again_nothing_is_changed(engine: Engine, keyring: Keyring) -> None:
    set_up_revision_0005(engine, keyring)
    before, tables = content(engine), schema(engine)
    move(engine, "0006")
    above, newer = content(engine), schema(engine)
    move(engine, "0005")
    assert (content(engine), schema(engine)) == (before, tables)
    move(engine, "0006")
    assert (content(engine), schema(engine)) == (above, newer)


def test_a_draft_and_a_code_of_now_go_down_without_what_is_new(
    engine: Engine, empty_url: str, keyring: Keyring
) -> None:
    """Back in the older program the answers are there; the form that it was begun on, and the code, are not."""
    migrate(empty_url)
    database = Database(empty_url, keyring)
    start = Conversation("web", "a")
    draft = replace(DRAFT, form=FORM)
    conversations.save(database, start, replace(start, draft=draft), message_id="1", response={}, at=NOON)
    act(database, submission=application("T1", REFERENCE))
    database.close()
    move(engine, "0005")
    assert "form_snapshot" not in {column["name"] for column in inspect(engine).get_columns("drafts")}
    migrate(empty_url)
    database = Database(empty_url, keyring)
    assert conversations.find(database, "web", "a").draft == DRAFT
    opened = submissions.open_submission(database, REFERENCE, actor="anna", at=NOON)
    assert opened is not None
    assert status_codes.status_of(database, REFERENCE, "123456", at=NOON) == WrongCode(4)
    database.close()


LOST: dict[str, Callable[[Database], Any]] = {
    "batons": lambda database: hand_over(database, TOKEN),
    "transfers": lambda database: act(database, NewTransfer("token", DRAFT)),
    "submission_requests": lambda database: additions.ask(database, REFERENCE, "Vad?", actor="anna", at=NOON),
    "submission_additions": lambda database: act(database, additions.Addition(REFERENCE, None, "Mer", None)),
}


@pytest.mark.parametrize("table", LOST)
def test_it_goes_down_only_while_nothing_would_be_lost(
    table: str, engine: Engine, empty_url: str, keyring: Keyring
) -> None:
    set_up_revision_0005(engine, keyring)
    migrate(empty_url)
    database = Database(empty_url, keyring)
    LOST[table](database)
    before = content(engine)
    with pytest.raises(CommandError, match=f"there are {table}, of which revision 0005 knows nothing"):
        move(engine, "0005")
    assert content(engine) == before
    assert batons.find(database, TOKEN, NOON) is None or table == "batons"
    database.close()


def migrate_and_be_killed(url: str, statement: str) -> None:
    def kill(*arguments: Any) -> None:
        if arguments[2].lstrip().startswith(statement):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", kill)
    migrate(url)


@pytest.mark.parametrize("statement", ["CREATE TABLE batons", "ALTER TABLE submissions", "CREATE INDEX ix_drafts"])
def test_killed_half_way_it_has_not_happened(statement: str, engine: Engine, empty_url: str, keyring: Keyring) -> None:
    set_up_revision_0005(engine, keyring)
    before = content(engine)
    killed = FORK.Process(target=migrate_and_be_killed, args=(empty_url, statement))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    with pytest.raises(DatabaseError, match="is of revision 0005"):
        check_schema(empty_url)
    assert content(engine) == before
    migrate(empty_url)
    database = Database(empty_url, keyring)
    assert conversations.find(database, "web", "a").draft == DRAFT
    database.close()


def test_times_are_those_that_were_stored(engine: Engine, empty_url: str, keyring: Keyring) -> None:
    set_up_revision_0005(engine, keyring)
    migrate(empty_url)
    database = Database(empty_url, keyring)
    draft = conversations.find(database, "web", "a").draft
    assert draft is not None and draft.started_at == datetime(2026, 3, 2, 12, tzinfo=UTC)
    database.close()
