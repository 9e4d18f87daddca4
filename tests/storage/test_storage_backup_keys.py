"""The keys of days: later ones follow, earlier ones are gone for good, and only a believable clock makes them go."""

import base64
import binascii
import itertools
import os
import re
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import backup_keys, intake, key_files, retention_holds, submissions
from storage.backup import BackupError, check_backup, make_backup, restore
from storage.backup_file import read_lines
from storage.backup_keys import BACKUP_FILE, BackupKey, expire, from_text, load, make, readable_too_long, step
from storage.database import Database, migrate
from storage.encryption import Keyring, SealError, make_keys
from storage.key_files import KeyFileError
from storage.retention import Policy, confirm_clock, purge
from storage.retention_clock import ClockError, Uptime
from storage.retention_policy import OUR_BACKUPS, Entry, beginning_of, day_of
from tests.storage.families import FORM, NOON

TODAY = NOON.date()
DAY = timedelta(days=1)
POLICY = Entry("backups", 30, "SN 2026-118")
KEY = BackupKey(TODAY, bytes(range(32)))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A key directory of the test's own, made a week after the day of its backup key."""
    make_keys(tmp_path / "keys")
    make(tmp_path / "keys", NOON)
    return tmp_path / "keys"


def line_of(keys: Path) -> str:
    return (keys / BACKUP_FILE).read_text()


# -- the keys ------------------------------------------------------------------------------------------------------


def test_a_later_day_follows_from_an_earlier_one() -> None:
    assert KEY.on(TODAY) == KEY
    assert KEY.on(TODAY + DAY).on(TODAY + 3 * DAY) == KEY.on(TODAY + 3 * DAY)
    days = [KEY.on(TODAY + n * DAY).key for n in range(400)]
    assert len(set(days)) == 400


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_backups_key_is_the_same_from_whichever_day_it_is_made(earlier: int, days: int) -> None:
    day = TODAY + (earlier + days) * DAY
    sealed = KEY.of_file(day, b"id").seal(b"part", "1")
    opener = KEY.on(TODAY + earlier * DAY).of_file(day, b"id")
    assert opener.open(sealed, "1") == b"part"
    others = [KEY.of_file(day + DAY, b"id"), KEY.of_file(day, b"ie"), replace(KEY, key=b"k" * 32).of_file(day, b"id")]
    for other in (*others, backup_keys.FileKey(KEY.on(day).key)):
        with pytest.raises(SealError):
            other.open(sealed, "1")
    for value in (sealed[:5], b"", b"\x01" + sealed[1:]):
        with pytest.raises(SealError):
            opener.open(value, "1")


def test_the_file_is_for_its_owner_alone_and_made_once(keys: Path) -> None:
    path, before = keys / BACKUP_FILE, line_of(keys)
    assert re.fullmatch(r"2026-02-23 [A-Za-z0-9+/]{43}=\n", before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not make(keys, NOON + 90 * DAY)
    assert line_of(keys) == before
    assert load(keys) == from_text(before) == from_text(before.strip())
    shown = f"{load(keys)!r} {load(keys).of_file(TODAY, b'id')!r}"
    assert before.split()[1] not in shown and repr(load(keys).key) not in shown
    path.unlink()
    assert make(keys, NOON) and line_of(keys) != before
    assert {entry.name for entry in keys.iterdir()} == {"encryption.keys", "lookup.key", "session.key", BACKUP_FILE}


WELL = base64.b64encode(b"k" * 32).decode()
DAMAGED = ["", "\n", WELL, f"2026-02-30 {WELL}", f"2026-03-02 {WELL[:-5]}", f"2026-03-02 {WELL} more", "2026-03-02",
           f"2026-03-02\n{WELL}", f"i dag {WELL}", f"2026-03-02 å{WELL}"]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_or_setting_is_refused_and_left_alone(content: str, keys: Path) -> None:
    (keys / BACKUP_FILE).write_text(content, encoding="utf-8")
    attempts: list[Callable[[], object]] = [lambda: load(keys), lambda: step(keys, TODAY)]
    for attempt in attempts:
        with pytest.raises(KeyFileError, match=r"backup\.key is damaged: restore it") as error:
            attempt()
        assert "\n" not in str(error.value) and WELL[:20] not in str(error.value)
    assert (keys / BACKUP_FILE).read_text(encoding="utf-8") == content
    with pytest.raises(KeyFileError, match=r"^the setting KONTAKT_BACKUP_KEY is damaged"):
        from_text(content)


def test_a_file_that_is_open_to_others_or_missing_is_refused(keys: Path) -> None:
    (keys / BACKUP_FILE).chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load(keys)
    (keys / BACKUP_FILE).unlink()
    with pytest.raises(KeyFileError, match=r"is missing: restore it .* `kontakt migrate` makes it"):
        load(keys)
    with pytest.raises(KeyFileError, match="cannot be changed"):
        step(keys / "elsewhere", TODAY)


# -- a backup and its days -----------------------------------------------------------------------------------------


def keys_in(directory: Path) -> Iterator[bytes]:
    """Whatever in any file of a directory could be a key, in whichever order the files are."""
    for path in directory.rglob("*"):
        for word in path.read_bytes().split() if path.is_file() else ():
            try:
                yield base64.b64decode(word, validate=True)
            except binascii.Error:
                continue


@pytest.mark.parametrize("days", [7, 30, 365])
def test_a_backup_opens_on_its_last_day_and_not_on_the_day_after(
    days: int, database: Database, keys: Path, tmp_path: Path
) -> None:
    """Whatever else there is: no key in any file, from whichever day it is said to be, opens it any more."""
    policy = replace(POLICY, days=days)
    make_backup(database, path := tmp_path / "kontakt.backup", NOON, load(keys))
    assert path.read_bytes().startswith(b"kontakt backup 2\n2026-03-02\n")
    confirm_clock(database, NOON, None, actor="cli:root")
    last = beginning_of(TODAY + (days + 1) * DAY) - timedelta(seconds=1)
    confirm_clock(database, last, None, actor="cli:root")
    assert expire(database, keys, policy, last, None) == TODAY
    assert check_backup(path, database.keyring, load(keys)).rows

    assert expire(database, keys, policy, last + timedelta(seconds=1), None) == TODAY + DAY
    said = f"the backup {path} is of 2026-03-02 and can be read no more: the backup key opens those of 2026-03-03"
    with pytest.raises(BackupError, match=re.escape(said)) as error:
        check_backup(path, database.keyring, load(keys))
    assert "\n" not in str(error.value)
    found = set(keys_in(keys))
    assert load(keys).key in found and database.keyring.sealing in database.keyring.keys
    for key, day in itertools.product(found, range(-3, 4)):
        if len(key) == 32:
            with pytest.raises(BackupError):
                list(read_lines(path, database.keyring, BackupKey(TODAY + day * DAY, key)))


def test_a_copy_of_the_keys_opens_its_own_days_and_every_later_one(
    database: Database, keys: Path, tmp_path: Path
) -> None:
    """One copy is enough for a disaster, and an old one undoes the limit: it must be replaced."""
    copy = load(keys)
    made = []
    for number in range(4):
        at = NOON + number * 20 * DAY
        confirm_clock(database, at, None, actor="cli:root")
        expire(database, keys, POLICY, at, None)
        made.append(tmp_path / f"{number}.backup")
        make_backup(database, made[-1], at, load(keys))
    assert [opens(path, database.keyring, load(keys)) for path in made] == [False, False, True, True]
    assert [opens(path, database.keyring, copy) for path in made] == [True] * 4


def opens(path: Path, keyring: Keyring, key: BackupKey) -> bool:
    try:
        return bool(check_backup(path, keyring, key).rows)
    except BackupError:
        return False


def submit(database: Database, name: str, at: datetime) -> str:
    new = intake.NewSubmission(
        intake.make_reference(), f"TOKEN{name}", "kontakta_mig", 1, FORM, {"namn": name}, (), "sala", "web", "sv"
    )
    with database.transaction() as session:
        intake.insert(session, new, actor="resident", at=at)
    return new.reference


def test_what_was_purged_is_in_no_old_backup_and_the_others_are_in_newer_ones(
    database: Database, keys: Path, tmp_path: Path
) -> None:
    """Without the tombstones too: an attacker needs none."""
    gone, kept = submit(database, "Gone", NOON), submit(database, "Kept", NOON)
    make_backup(database, before := tmp_path / "before.backup", NOON, load(keys))
    submissions.change_status(database, gone, "handed_over", actor="anna", version=1, at=NOON)
    retention_holds.confirm_hand_over(database, gone, case_number=None, actor="anna", at=NOON)
    policy = Policy({}, {("kontakta_mig", "handed_over"): Entry("x", 0, "SN 2026-118")}, {})
    stones = tmp_path / "tombstones"
    purged_at = NOON + DAY
    assert purge(database, policy, purged_at, actor="system", tombstone_file=stones).purged["submissions"] == 1
    make_backup(database, after := tmp_path / "after.backup", purged_at, load(keys))
    assert in_backup(before, database.keyring, load(keys), tmp_path / "1.sqlite") == {gone, kept}

    for number in range(31):
        expire(database, keys, POLICY, purged_at + number * DAY, None)
    assert not opens(before, database.keyring, load(keys))
    assert in_backup(after, database.keyring, load(keys), tmp_path / "2.sqlite") == {kept}


def in_backup(path: Path, keyring: Keyring, key: BackupKey, file: Path) -> set[str]:
    """The references of the submissions that can be opened when a backup is put back."""
    migrate(url := f"sqlite:///{file}")
    restore(path, url, keyring, key, NOON, actor="cli:root", tombstones=())
    database = Database(url, keyring)
    try:
        found = {line.reference for line in submissions.listing(database)}
        return {one for one in found if submissions.open_submission(database, one, actor="anna", at=NOON)}
    finally:
        database.close()


def test_a_clock_that_is_before_the_keys_day_makes_no_backup(database: Database, keys: Path, tmp_path: Path) -> None:
    step(keys, TODAY)
    with pytest.raises(KeyFileError, match="the clock says 2026-03-01, and the backup key is for 2026-03-02 and later"):
        make_backup(database, tmp_path / "kontakt.backup", NOON - DAY, load(keys))
    assert list(tmp_path.glob("*backup*")) == []
    make_backup(database, tmp_path / "kontakt.backup", NOON, load(keys))


def test_a_backup_of_a_day_that_is_not_yet_can_be_read(database: Database, keys: Path, tmp_path: Path) -> None:
    """The clock was ahead when it was made, and has been set right since."""
    make_backup(database, path := tmp_path / "kontakt.backup", NOON + 400 * DAY, load(keys))
    assert opens(path, database.keyring, load(keys))
    content = path.read_bytes().replace(b"2027-04-06", b"9999-04-06")
    path.write_bytes(content)
    with pytest.raises(BackupError, match="is damaged"):
        check_backup(path, database.keyring, load(keys))


# -- the clock and the policy --------------------------------------------------------------------------------------


def test_a_clock_that_jumps_destroys_no_key(database: Database, keys: Path) -> None:
    booted = Uptime("one", timedelta(days=3))
    assert expire(database, keys, POLICY, NOON + 30 * DAY, booted) == TODAY
    before = line_of(keys)
    now = NOON + 30 * DAY
    wrong = [
        (now + 2 * DAY, Uptime("one", timedelta(days=3, hours=1))),  # while the machine ran
        (now + 400 * DAY, Uptime("two", timedelta(hours=1))),  # while it was off
        (now + 2 * DAY, None),
        (now - DAY, booted),
    ]
    for at, uptime in wrong:
        with pytest.raises(ClockError, match="confirm-clock"):
            expire(database, keys, POLICY, at, uptime)
        assert line_of(keys) == before
    assert expire(database, keys, POLICY, now + DAY, Uptime("one", timedelta(days=4))) == TODAY + DAY
    confirm_clock(database, now + 9 * DAY, Uptime("two", timedelta(hours=1)), actor="cli:root")
    later = expire(database, keys, POLICY, now + 9 * DAY, Uptime("two", timedelta(hours=1)))
    assert later == TODAY + 9 * DAY


@pytest.mark.parametrize("entry", [None, replace(POLICY, rule="undecided")])
def test_without_a_decision_no_key_is_destroyed(entry: Entry | None, database: Database, keys: Path) -> None:
    before = line_of(keys)
    assert expire(database, keys, entry, NOON + 4000 * DAY, None) is None
    assert line_of(keys) == before
    assert readable_too_long(load(keys), entry, NOON + 4000 * DAY, is_setting=False) is None


def test_the_days_are_swedish_and_the_key_never_goes_back(database: Database, keys: Path) -> None:
    evening = datetime(2026, 4, 10, 22, 30, tzinfo=UTC)  # the 11th in Sweden
    confirm_clock(database, evening, None, actor="cli:root")
    assert expire(database, keys, POLICY, evening, None) == date(2026, 3, 12)
    before = line_of(keys)
    assert expire(database, keys, POLICY, evening, None) is None
    assert expire(database, keys, replace(POLICY, days=60), evening, None) is None
    assert not step(keys, date(2026, 3, 11))
    assert line_of(keys) == before


def test_it_is_said_when_backups_can_be_read_for_too_long(keys: Path) -> None:
    key, due = load(keys), beginning_of(day_of(NOON) + 24 * DAY)  # the key is of a week before
    assert readable_too_long(key, OUR_BACKUPS, due, is_setting=False) is None
    late = readable_too_long(key, OUR_BACKUPS, due + DAY, is_setting=False)
    assert late is not None and late.startswith(
        "those of 2026-02-23 and later can be read, and the policy says 30 days"
    )
    setting = readable_too_long(key, OUR_BACKUPS, due, is_setting=True)
    assert setting is not None and "replace it yourself" in setting


# -- killed, and two at once ---------------------------------------------------------------------------------------


def killed_before(lines: int, work: Callable[[], object]) -> bool:
    """Do it in a process that is killed before so many lines of the code; whether it came so far."""
    child = os.fork()
    if child == 0:
        left = lines
        ours = {backup_keys.__file__, key_files.__file__}

        def kill(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in ours:
                return None
            if event == "line":
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return kill

        sys.settrace(kill)
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_while_it_is_moved_on_it_is_the_old_one_or_the_new(keys: Path) -> None:
    before, first = load(keys), TODAY + 28 * DAY
    old, found, killed = line_of(keys), set(), 0
    for lines in itertools.count():
        if not killed_before(lines, lambda: step(keys, first)):
            break
        killed += 1
        found.add(load(keys))
        (keys / BACKUP_FILE).write_text(old)
    assert killed > 20
    assert found == {before, before.on(first)}
    assert load(keys) == before.on(first)
    assert len(list(keys.iterdir())) == 4
    assert set(keys_in(keys)) & {before.on(before.day + n * DAY).key for n in range(35)} == set()


def test_killed_while_it_is_made_there_is_one_or_none(keys: Path) -> None:
    (keys / BACKUP_FILE).unlink()
    for lines in itertools.count():
        killed = killed_before(lines, lambda: make(keys, NOON))
        if not killed:
            break
        if (keys / BACKUP_FILE).exists():
            assert load(keys).day == TODAY - 7 * DAY
            (keys / BACKUP_FILE).unlink()
    assert lines > 10 and load(keys).day == TODAY - 7 * DAY
    assert len(list(keys.iterdir())) == 4


def test_what_a_killed_run_left_goes_with_the_next_and_opens_nothing_older(keys: Path) -> None:
    """It is of a later day than the file that it was to replace."""
    copy = load(keys)
    left_behind = keys / f".{BACKUP_FILE}.new"
    for lines in itertools.count():
        assert killed_before(lines, lambda: step(keys, TODAY))
        if left_behind.exists() and left_behind.stat().st_size:
            break
    assert from_text(left_behind.read_text()) == copy.on(TODAY)
    assert step(keys, TODAY + DAY)
    assert not left_behind.exists() and load(keys) == copy.on(TODAY + DAY)


def test_many_move_it_on_at_once(keys: Path) -> None:
    """Each to another day; the latest counts, whoever comes last, and everybody reads a whole file all the time."""
    before = load(keys)
    children = []
    for number in range(12):
        child = os.fork()
        if child == 0:
            well = 1
            try:
                for day in range(40):
                    step(keys, TODAY + (40 * (number % 3) + day) * DAY)
                    well = well and load(keys).day >= TODAY
                os._exit(0 if well else 2)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children] == [0] * 12
    assert load(keys) == before.on(TODAY + 119 * DAY)
    assert len(list(keys.iterdir())) == 4


def test_the_old_line_is_overwritten_but_no_copy_of_it(keys: Path, tmp_path: Path) -> None:
    """By what held the file open; a second name for it is somebody's copy."""
    before = line_of(keys)
    with (keys / BACKUP_FILE).open() as held:
        step(keys, TODAY)
        assert held.read() == "\0" * len(before)
    before = line_of(keys)
    (tmp_path / "copy").hardlink_to(keys / BACKUP_FILE)
    step(keys, TODAY + DAY)
    assert (tmp_path / "copy").read_text() == before != line_of(keys)
