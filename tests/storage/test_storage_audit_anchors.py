"""Where the audit trail ended each day: a trail that no longer fits with that shows, a restored one is forgiven."""

import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from storage import audit, audit_anchors, leadership
from storage.audit_anchors import DayAnchor
from storage.chained_file import ChainedFileError
from storage.database import Database
from storage.encryption import Keyring
from storage.tables import AuditAnchorRow, AuditEventRow
from tests.tampering import put_guard_away

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def do(database: Database, number: int, at: datetime = NOON, actor: str = "anna") -> None:
    for n in range(number):
        audit.append(database, actor=actor, event="submission.opened", subject=f"REFEREN{n}", at=at)


def days(database: Database, path: Path, number: int = 3) -> None:
    """Some days with three events each; the first has one more, that anchors are kept from now on."""
    for day in range(number):
        do(database, 3, NOON + day * DAY)
        assert audit_anchors.keep(database, path, NOON + day * DAY)


def cut(database: Database, last: int) -> None:
    """What somebody with the database and the keys can do: put the guard away, shorten the trail, seal another end."""
    with database.transaction() as session:
        put_guard_away(session)
        session.execute(delete(AuditEventRow).where(AuditEventRow.number > last))
    found = audit.last(database)
    with database.transaction() as session:
        sealed = database.keyring.seal_json(list(found or ()), "audit_anchor")
        session.execute(update(AuditAnchorRow).values(content_sealed=sealed))
    assert audit.verify(database) == []


def test_one_line_a_day_and_all_is_well(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "audit_anchors"
    assert audit_anchors.problems(database, path) == []
    do(database, 2)
    first = audit_anchors.keep(database, path, NOON)
    last = audit.last(database)
    assert last is not None
    assert first == DayAnchor(NOON.date(), "day", 3, last[1])
    do(database, 2)
    for later in (NOON, NOON + timedelta(hours=11), NOON - DAY):
        assert audit_anchors.keep(database, path, later) is None
    assert audit_anchors.keep(database, path, NOON + timedelta(hours=12)) is not None
    assert audit_anchors.problems(database, path) == []
    assert audit.verify(database) == []
    assert [event.event for event in audit.trail(database, "audit")] == [audit_anchors.BEGUN]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == 2


def test_a_trail_cut_and_sealed_anew_shows(database: Database, tmp_path: Path) -> None:
    days(database, tmp_path / "audit_anchors")
    cut(database, 6)
    assert audit_anchors.problems(database, tmp_path / "audit_anchors") == [
        "audit event 7 is gone: the trail ended with it on 2026-03-03",
        "audit event 10 is gone: the trail ended with it on 2026-03-04",
    ]


def test_a_trail_written_anew_shows(database: Database, tmp_path: Path) -> None:
    days(database, tmp_path / "audit_anchors")
    cut(database, 5)
    do(database, 5, NOON + DAY, "bo")
    assert audit.verify(database) == []
    assert audit_anchors.problems(database, tmp_path / "audit_anchors") == [
        "audit event 7 is another than the one that the trail ended with on 2026-03-03",
        "audit event 10 is another than the one that the trail ended with on 2026-03-04",
    ]


def test_a_removed_file_is_missed(database: Database, tmp_path: Path) -> None:
    days(database, tmp_path / "audit_anchors")
    (tmp_path / "audit_anchors").unlink()
    (problem,) = audit_anchors.problems(database, tmp_path / "audit_anchors")
    assert "are missing" in problem


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines[:1], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [lines[0], lines[1].replace("2026-03-03", "2026-03-13"), *lines[2:]],
        lambda lines: [*lines, lines[0]],
    ],
    ids=["a line removed", "two swapped", "a day changed", "a line repeated"],
)
def test_a_changed_file_shows_and_is_not_added_to(
    database: Database, tmp_path: Path, change: Callable[[list[str]], list[str]]
) -> None:
    path = tmp_path / "audit_anchors"
    days(database, path)
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))
    before = path.read_bytes()
    (problem,) = audit_anchors.problems(database, path)
    assert "is not what was written" in problem
    with pytest.raises(ChainedFileError, match="is not what was written"):
        audit_anchors.keep(database, path, NOON + 9 * DAY)
    assert path.read_bytes() == before


def test_a_restored_trail_need_not_have_what_came_after_the_backup(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "audit_anchors"
    days(database, path)
    cut(database, 5)
    audit.append(database, actor="cli:root", event="backup.restored", subject="backup", at=NOON + 3 * DAY)
    assert len(audit_anchors.problems(database, path)) == 2
    audit_anchors.mark_restored(database, path, NOON + 3 * DAY)
    assert audit_anchors.problems(database, path) == []
    do(database, 4, NOON + 4 * DAY)
    assert audit_anchors.keep(database, path, NOON + 4 * DAY)
    assert audit_anchors.problems(database, path) == []
    cut(database, 3)
    assert [problem.split(" is ")[0] for problem in audit_anchors.problems(database, path)] == [
        "audit event 4",
        "audit event 6",
        "audit event 10",
    ]


def test_two_processes_write_one_line(open_database: Callable[[], Database], tmp_path: Path, keyring: Keyring) -> None:
    databases = [open_database() for _ in range(4)]
    do(databases[0], 1)
    path = tmp_path / "audit_anchors"
    audit_anchors.keep(databases[0], path, NOON)
    threads = [threading.Thread(target=audit_anchors.keep, args=(database, path, NOON + DAY)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(path.read_text().splitlines()) == 2
    assert audit_anchors.problems(databases[0], path) == []


def test_a_piece_of_work_is_done_by_one_at_a_time(open_database: Callable[[], Database]) -> None:
    one, other = open_database(), open_database()
    with leadership.held(one, "retention", 60) as mine:
        assert mine
        with leadership.held(other, "retention", 60) as theirs:
            assert not theirs
        with leadership.held(other, "something else", 60) as another:
            assert another
    with leadership.held(other, "retention", 60) as after:
        assert after


def test_a_piece_of_work_that_was_cut_off_holds_nobody_up_for_longer_than_its_time(
    open_database: Callable[[], Database],
) -> None:
    one, other = open_database(), open_database()
    assert leadership.hold(one, "retention", "killed", leadership.clock(one) - timedelta(seconds=61), 60)
    with leadership.held(other, "retention", 60) as mine:
        assert mine
