"""Hand-overs that are confirmed, and submissions that are held: on the record, sealed, and gone with the submission."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from storage import audit, intake, retention_holds, submissions
from storage.database import Database
from storage.encryption import SealError
from storage.retention_holds import HandOver, Hold, HoldError, StatusNotAllowedError, SubmissionNotFoundError
from storage.retention_tables import HandOverRow
from storage.submissions import NewSubmission
from storage.tables import SubmissionKeyRow, SubmissionRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
REFERENCE = "AB2CDE3F"


def submit(database: Database) -> None:
    new = NewSubmission(
        REFERENCE, "BBBBBBBBBB", "kontakta_mig", 1, {"title": {"sv": "Titel"}}, {}, (), None, "web", "sv"
    )
    with database.transaction() as session:
        intake.insert(session, new, actor="resident", at=NOON)


def move(database: Database, *statuses: str) -> None:
    for status in statuses:
        version = submissions.open_submission(database, REFERENCE, actor="anna", at=NOON).version  # type: ignore[union-attr]
        submissions.change_status(database, REFERENCE, status, actor="anna", version=version, at=NOON)


def confirm(database: Database, number: str | None = None, at: datetime = NOON) -> HandOver:
    return retention_holds.confirm_hand_over(database, REFERENCE, case_number=number, actor="anna", at=at)


def last_event(database: Database) -> tuple[str, str, dict[str, object]]:
    event = audit.trail(database, REFERENCE)[-1]
    return event.event, event.actor, dict(event.details)


def test_a_hand_over_is_confirmed_on_the_record_with_the_number_sealed(database: Database) -> None:
    submit(database)
    assert retention_holds.hand_over_of(database, REFERENCE) is None
    move(database, "handed_over")
    confirmed = confirm(database, " 2026-118 ")
    assert confirmed == HandOver(NOON, "anna", "2026-118") == retention_holds.hand_over_of(database, "ab2c-de3f")
    assert last_event(database) == ("submission.handed_over", "anna", {"case_number": True})
    with database.reading() as session:
        sealed = session.scalars(select(HandOverRow.case_number_sealed)).one()
    assert sealed is not None and b"2026-118" not in sealed


def test_a_confirmation_may_be_without_number_and_be_corrected(database: Database) -> None:
    submit(database)
    move(database, "handed_over")
    confirm(database)
    assert retention_holds.hand_over_of(database, REFERENCE) == HandOver(NOON, "anna", None)
    confirm(database, "2026-119", LATER)
    assert retention_holds.hand_over_of(database, REFERENCE) == HandOver(LATER, "anna", "2026-119")
    assert audit.verify(database) == []


@pytest.mark.parametrize("status", [(), ("in_review",), ("closed",), ("handed_over", "in_review"), ("withdrawn",)])
def test_only_what_is_handed_over_can_be_confirmed(database: Database, status: tuple[str, ...]) -> None:
    submit(database)
    move(database, *status)
    with pytest.raises(StatusNotAllowedError):
        confirm(database)
    assert retention_holds.hand_over_of(database, REFERENCE) is None


def test_taking_a_submission_up_again_voids_its_confirmation(database: Database) -> None:
    submit(database)
    move(database, "handed_over")
    confirm(database, "2026-118")
    move(database, "closed")
    assert retention_holds.hand_over_of(database, REFERENCE) is not None
    move(database, "in_review", "handed_over")
    assert retention_holds.hand_over_of(database, REFERENCE) is None


@pytest.mark.parametrize("number", ["", "  ", "1" * 65, "12\n3"])
def test_a_number_that_is_none_is_refused(database: Database, number: str) -> None:
    submit(database)
    move(database, "handed_over")
    with pytest.raises(ValueError, match="a case number"):
        confirm(database, number)


def test_nothing_is_written_for_a_reference_that_is_not_there(database: Database) -> None:
    with pytest.raises(SubmissionNotFoundError):
        confirm(database)
    with pytest.raises(SubmissionNotFoundError):
        retention_holds.set_hold(database, REFERENCE, "Varför", actor="anna", at=NOON)
    assert retention_holds.hold_of(database, REFERENCE) is None
    assert audit.trail(database, REFERENCE) == []


def test_a_submission_is_held_and_released_with_reasons_among_its_notes(database: Database) -> None:
    submit(database)
    retention_holds.set_hold(database, REFERENCE, "Tvist pågår", actor="anna", at=NOON)
    assert last_event(database) == ("submission.held", "anna", {})
    assert retention_holds.hold_of(database, REFERENCE) == Hold(NOON, "anna")
    with pytest.raises(HoldError, match="is held already"):
        retention_holds.set_hold(database, REFERENCE, "En gång till", actor="bo", at=LATER)
    retention_holds.clear_hold(database, REFERENCE, "Tvisten är slut", actor="bo", at=LATER)
    assert last_event(database) == ("submission.released", "bo", {})
    assert retention_holds.hold_of(database, REFERENCE) is None
    with pytest.raises(HoldError, match="is not held"):
        retention_holds.clear_hold(database, REFERENCE, "En gång till", actor="bo", at=LATER)
    opened = submissions.open_submission(database, REFERENCE, actor="anna", at=LATER)
    assert opened is not None
    assert [(note.actor, note.text) for note in opened.notes] == [("anna", "Tvist pågår"), ("bo", "Tvisten är slut")]


def test_a_hold_needs_a_reason(database: Database) -> None:
    submit(database)
    with pytest.raises(HoldError, match="say why"):
        retention_holds.set_hold(database, REFERENCE, "  ", actor="anna", at=NOON)
    assert retention_holds.hold_of(database, REFERENCE) is None


def test_the_database_itself_refuses_to_remove_what_is_held(database: Database) -> None:
    submit(database)
    retention_holds.set_hold(database, REFERENCE, "Tvist pågår", actor="anna", at=NOON)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(delete(SubmissionRow))
    assert submissions.count(database) == 1


def test_without_its_key_nothing_more_is_kept_with_a_submission(database: Database) -> None:
    submit(database)
    move(database, "handed_over")
    with database.transaction() as session:
        session.execute(delete(SubmissionKeyRow))
    with pytest.raises(SealError):
        confirm(database, "2026-118")
    with pytest.raises(SealError):
        retention_holds.set_hold(database, REFERENCE, "Varför", actor="anna", at=NOON)
