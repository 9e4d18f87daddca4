"""Gallring of what is handed on and added: batons by the rule of drafts, the rest with its submission or the clock."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from storage import additions, batons, form_snapshots, submissions, tombstones
from storage.backup import make_backup, restore
from storage.batons import BatonAnswer
from storage.conversations import Draft
from storage.database import Database, migrate
from storage.encryption import Keyring
from storage.retention import PurgeReport, as_csv, confirm_clock, plan, protocol, purge
from storage.retention_policy import UNDECIDED, Entry, Policy
from storage.status_codes import WrongCode, status_of
from storage.tables import FormSnapshotRow
from storage.transfers import LIFETIME, NewTransfer
from tests.storage.families import AFTER, BACKUP_KEY, EXPIRES, FORM, NOON, act, application, hand_over, rows, take

TOKEN, REFERENCE = "ABCDEFGHJK", "AB2CDE3F"
RULE = "SN 2026-03-12 § 45"
GOES = datetime(2026, 4, 15, 22, 0, tzinfo=UTC)
"""The batons expire on 16 March; with 30 days after that, the 16th of April is the first day without them."""
SECOND = timedelta(seconds=1)
DRAFTS = Policy({"drafts": Entry("drafts", 30, RULE)}, {}, {})
WITHDRAWN = Policy({}, {("ansokan_kontaktfamilj", "withdrawn"): Entry("submissions.a.withdrawn", 0, RULE)}, {})


def run(database: Database, at: datetime, policy: Policy = DRAFTS, file: Path | None = None) -> PurgeReport:
    confirm_clock(database, at, None, actor="cli:root")
    return purge(database, policy, at, actor="cli:root", tombstone_file=file)


def kinds(database: Database) -> list[str]:
    opened = submissions.open_submission(database, REFERENCE, actor="anna", at=NOON)
    assert opened is not None
    return [added.kind for added in opened.additions]


def test_a_baton_goes_when_the_days_of_drafts_are_over_after_it_expired(database: Database) -> None:
    hand_over(database, TOKEN)
    assert run(database, GOES - SECOND).purged == {}
    (planned,) = plan(database, DRAFTS, GOES - SECOND, days_ahead=1)
    assert (planned.kind, planned.number, planned.purge_after, planned.due) == ("batons", 1, date(2026, 4, 15), False)
    assert run(database, GOES).purged == {"batons": 1}
    assert (rows(database)["batons"], rows(database)["baton_links"]) == (0, 0)
    (record,) = protocol(database, date(2026, 4, 16), date(2026, 4, 16))
    assert (record.kind, record.number, record.rule) == ("batons", 1, RULE)
    assert "utkast till vårdnadshavare" in as_csv([record])


@pytest.mark.parametrize("policy", [Policy({}, {}, {}), Policy({"drafts": Entry("drafts", 30, UNDECIDED)}, {}, {})])
def test_without_a_decision_it_stays(policy: Policy, database: Database) -> None:
    hand_over(database, TOKEN)
    assert run(database, GOES + timedelta(days=999), policy).purged == {}
    assert batons.find(database, TOKEN, NOON) is not None


def test_silence_is_told_before_the_baton_goes(database: Database) -> None:
    """Also where nobody has asked for it between the day on which it expired and the one on which it goes."""
    hand_over(database, TOKEN)
    act(database, BatonAnswer(TOKEN, 1, "approved"), submission=application(TOKEN, REFERENCE))
    assert run(database, GOES).purged == {"batons": 1}
    assert kinds(database) == ["guardian_silent"]


def test_every_run_tells_of_silence(database: Database) -> None:
    hand_over(database, TOKEN)
    act(database, BatonAnswer(TOKEN, 1, "approved"), submission=application(TOKEN, REFERENCE))
    run(database, EXPIRES - SECOND)
    assert kinds(database) == []
    for _ in range(2):
        run(database, AFTER)
        assert kinds(database) == ["guardian_silent"]


def test_what_a_baton_became_stays_and_cannot_be_sent_in_again(database: Database) -> None:
    hand_over(database, TOKEN)
    act(database, BatonAnswer(TOKEN, 1, "approved"), submission=application(TOKEN, REFERENCE))
    run(database, GOES)
    assert batons.find(database, TOKEN, GOES) is None
    assert submissions.reference_for_draft(database, TOKEN) == (REFERENCE, "ansokan_kontaktfamilj")
    assert batons.links_of_submission(database, REFERENCE, GOES) == ()


def test_a_submission_takes_all_of_it_along_for_good(database: Database, keyring: Keyring, tmp_path: Path) -> None:
    hand_over(database, TOKEN)
    act(database, BatonAnswer(TOKEN, 1, "approved"), submission=application(TOKEN, REFERENCE))
    additions.ask(database, REFERENCE, "Vad?", actor="anna", at=NOON)
    act(database, additions.Addition(REFERENCE, None, "Mer", None))
    submissions.add_note(database, REFERENCE, "Ringde", actor="anna", at=NOON)
    make_backup(database, path := tmp_path / "kontakt.backup", NOON, BACKUP_KEY)
    act(database, additions.Withdrawal(REFERENCE, None))
    names = [name for name in rows(database) if name.startswith(("submission", "baton")) and name != "submission_holds"]
    assert all(rows(database)[name] for name in names)
    assert run(database, NOON + timedelta(days=1), WITHDRAWN, tmp_path / "tombstones").purged == {"submissions": 1}
    assert [rows(database)[name] for name in names] == [0] * len(names)

    gone = [tombstone.fingerprint for tombstone in tombstones.read(tmp_path / "tombstones", keyring)]
    migrate(url := f"sqlite:///{tmp_path}/beside.sqlite")
    restored = restore(path, url, keyring, BACKUP_KEY, NOON, actor="cli:root", tombstones=gone)
    other = Database(url, keyring)
    assert [rows(other)[name] for name in names] == [0] * len(names)
    assert restored.purged["batons"] == 1 and restored.purged["submission_additions"] == 1
    other.close()


def test_transfers_and_wrong_codes_go_by_the_clock_alone(database: Database) -> None:
    act(database, NewTransfer("token", Draft("BBBBBBBBBB", "a", 1, {}, None, NOON, NOON, FORM)))
    assert status_of(database, REFERENCE, "123456", at=NOON) == WrongCode(4)
    empty = Policy({}, {}, {})
    run(database, NOON + LIFETIME - SECOND, empty)
    assert (rows(database)["transfers"], rows(database)["code_failures"]) == (1, 1)
    assert take(database, "other") is None
    report = run(database, NOON + timedelta(hours=3), empty)
    assert (rows(database)["transfers"], rows(database)["code_failures"], rows(database)["form_snapshots"]) == (0, 0, 0)
    assert report.purged == {} and rows(database)["purge_records"] == 0


def test_forms_go_with_the_last_that_uses_them(database: Database) -> None:
    other = {**FORM, "title": {"sv": "Annan"}}
    hand_over(database, TOKEN)
    hand_over(database, "BBBBBBBBBB", form=other, expires_at=EXPIRES + timedelta(days=1))
    with database.transaction() as session:
        form_snapshots.keep(session, {}, "oanvand")
    titles = []
    for at in (NOON, GOES, GOES + timedelta(days=1)):
        run(database, at)
        with database.reading() as session:
            titles.append(sorted(session.scalars(select(FormSnapshotRow.title))))
    assert titles == [["Annan", "Ansökan"], ["Annan"], []]


def test_batons_go_a_few_at_a_time(database: Database) -> None:
    for number in range(7):
        hand_over(database, f"{TOKEN[:9]}{number + 2}")
    confirm_clock(database, GOES, None, actor="cli:root")
    report = purge(database, DRAFTS, GOES, actor="cli:root", tombstone_file=None, batch=2)
    assert report.purged == {"batons": 7} and rows(database)["tombstones"] == 7
    (record,) = protocol(database, date(2026, 4, 16), date(2026, 4, 16))
    assert replace(record, purged_at=NOON).number == 7
