"""Drafts keep who answered what, and the form as it was when they were begun; a form is written once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from storage import conversations, form_snapshots
from storage.conversations import Conversation, Draft
from storage.database import Database
from storage.form_snapshots import Snapshot
from storage.tables import DraftRow, FormSnapshotRow
from storage.transfers import NewTransfer
from tests.storage.families import DRAFT, FORM, NOON, act, application, hand_over, take

NEW_FORM = {**FORM, "title": {"sv": "Ny titel"}}


def save(database: Database, before: Conversation, message: str, draft: Draft | None) -> Conversation:
    after = replace(before, draft=draft)
    return conversations.save(database, before, after, message_id=message, response={}, at=NOON)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is sent to the database meanwhile."""
    seen: list[str] = []

    def see(*arguments: Any) -> None:
        seen.append(arguments[2])

    with database.reading() as session:
        engine = session.get_bind()
        assert isinstance(engine, Engine)
    event.listen(engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", see)


def test_everything_of_a_draft_comes_back_also_after_a_restart(open_database: Callable[[], Database]) -> None:
    database = open_database()
    saved = save(database, Conversation("web", "a"), "1", DRAFT)
    database.close()
    assert conversations.find(open_database(), "web", "a") == saved


def test_a_draft_from_before_has_no_form_and_nobody_who_answered(database: Database) -> None:
    save(database, Conversation("web", "a"), "1", DRAFT)
    with database.transaction() as session:
        row = session.scalars(select(DraftRow)).one()
        keyring = database.keyring
        context = f"conversations:{keyring.fingerprint('a', 'sender:web')}:draft:{DRAFT.token}"
        old = keyring.seal_json({"answers": dict(DRAFT.answers), "asking": "behov"}, context)
        row.content_sealed, row.form_snapshot = old, None
    before = conversations.find(database, "web", "a")
    assert before.draft == replace(DRAFT, form=None, given={}, baton=None, tries={})
    save(database, before, "2", replace(before.draft, form=FORM))
    assert conversations.find(database, "web", "a").draft == replace(before.draft, form=FORM)


def test_the_form_is_written_with_the_first_save_alone(database: Database) -> None:
    save(database, Conversation("web", "a"), "0", DRAFT)
    for number in range(1, 4):
        before = conversations.find(database, "web", "a")
        assert before.draft is not None
        with statements(database) as seen:
            save(database, before, f"{number}", replace(before.draft, answers={"namn": f"{number}"}))
        assert [one for one in seen if "form_snapshot" in one] == []
        assert [one.split()[0] for one in seen if "drafts" in one] == ["UPDATE"]


def test_an_open_draft_keeps_its_form_when_the_definition_changes(database: Database) -> None:
    save(database, Conversation("web", "a"), "1", DRAFT)
    newer = replace(DRAFT, token="CCCCCCCCCC", form=NEW_FORM, form_version=5)
    save(database, Conversation("web", "b"), "1", newer)
    before = conversations.find(database, "web", "a")
    assert before.draft is not None
    save(database, before, "2", replace(before.draft, answers={}))
    found = [conversations.find(database, "web", sender).draft for sender in "ab"]
    assert [(one.form, one.form_version) for one in found if one] == [(FORM, 4), (NEW_FORM, 5)]


def test_a_form_of_its_own_may_be_given_later(database: Database) -> None:
    now = save(database, Conversation("web", "a"), "1", DRAFT)
    save(database, now, "2", replace(DRAFT, form=NEW_FORM))
    found = conversations.find(database, "web", "a").draft
    assert found is not None and found.form == NEW_FORM


def test_a_stored_form_is_the_same_object_and_a_key(database: Database) -> None:
    for sender in "ab":
        token = conversations.make_draft_token()
        save(database, Conversation("web", sender), "1", replace(DRAFT, token=token))
    first, second = (conversations.find(database, "web", sender).draft for sender in "ab")
    assert first is not None and second is not None and first.form is second.form

    @lru_cache
    def title_of(form: Snapshot) -> str:
        return str(form["title"]["sv"])

    for draft in (first, second):
        assert isinstance(draft.form, Snapshot)
        assert title_of(draft.form) == "Ansökan"
    assert title_of.cache_info().misses == 1
    assert len({Snapshot(FORM), first.form, Snapshot(NEW_FORM)}) == 2


USERS: dict[str, Callable[[Database], object]] = {
    "draft": lambda database: save(database, Conversation("web", "a"), "1", DRAFT),
    "submission": lambda database: act(database, submission=application("TTTTTTTTTT")),
    "baton": lambda database: hand_over(database, "TTTTTTTTTT"),
    "transfer": lambda database: act(database, NewTransfer("token", DRAFT)),
}


@pytest.mark.parametrize("user", USERS)
def test_a_form_stays_as_long_as_something_uses_it(user: str, database: Database) -> None:
    USERS[user](database)
    with database.transaction() as session:
        form_snapshots.keep(session, NEW_FORM, "utan_titel")
    with database.transaction() as session:
        assert form_snapshots.drop_unused(session) == 1
        assert session.scalars(select(FormSnapshotRow.title)).all() == ["Ansökan"]


def test_what_used_a_form_lets_it_go(database: Database) -> None:
    now = save(database, Conversation("web", "a"), "1", DRAFT)
    act(database, NewTransfer("token", replace(DRAFT, token="CCCCCCCCCC")))
    save(database, now, "2", None)
    assert take(database, "token") is not None
    with database.transaction() as session:
        assert form_snapshots.drop_unused(session) == 1


def test_a_form_may_be_dropped_while_others_begin_on_it(open_database: Callable[[], Database]) -> None:
    """Drafts are begun and ended on one form by two at a time, while a third drops it whenever nobody has it."""
    database, other = open_database(), open_database()
    stop, lost, dropped = threading.Event(), list[str](), list[int]()

    def fill_in(number: int) -> None:
        now = Conversation("web", f"resident {number}")
        for turn in range(25):
            draft = replace(DRAFT, token=conversations.make_draft_token())
            now = save(database, now, f"{turn} begun", draft)
            found = conversations.find(database, "web", now.sender).draft
            if found is None or found.form != FORM:
                lost.append(f"{number} {turn}")
            now = save(database, now, f"{turn} ended", None)

    def drop() -> None:
        while not stop.is_set():
            with other.transaction() as session:
                dropped.append(form_snapshots.drop_unused(session))
            time.sleep(0.01)  # the others' turn: SQLite lets in whoever asks at the right moment

    residents = [threading.Thread(target=fill_in, args=(number,)) for number in range(2)]
    dropper = threading.Thread(target=drop)
    for thread in (*residents, dropper):
        thread.start()
    for thread in residents:
        thread.join()
    stop.set()
    dropper.join()
    with other.transaction() as session:
        dropped.append(form_snapshots.drop_unused(session))
    assert lost == [] and sum(dropped) > 0
    assert all(conversations.find(database, "web", f"resident {n}").version == 50 for n in range(2))
