"""Submissions: listed without answers, opened on the record, changed by one reviewer at a time."""

import threading
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from storage import audit, intake, submissions
from storage.database import Database
from storage.encryption import SealError, key_id_of
from storage.submissions import (
    TRANSITIONS,
    NewSubmission,
    StaleVersionError,
    StatusChange,
    StatusNotAllowedError,
    SubmissionNotFoundError,
    SubmissionSummary,
)
from storage.tables import FormSnapshotRow, SubmissionKeyRow, SubmissionNoteRow, SubmissionRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FORM = {"id": "intresseanmalan", "title": {"sv": "Intresseanmälan", "en": "Expression of interest"}, "questions": []}
ANSWERS = {"namn": "Åsa Öberg \x00\ud800", "telefon": "+46701740605", "barn": None, "dagar": ["man"], "tolk": True}


def submit(database: Database, number: int = 0, **changes: Any) -> str:
    values: dict[str, Any] = {
        "reference": submissions.make_reference(),
        "draft_token": f"TOKEN{number:05}",
        "form_id": "intresseanmalan",
        "form_version": 3,
        "form_snapshot": FORM,
        "answers": ANSWERS,
        "flags": ("tolk", "telefon saknas"),
        "municipality": "sala",
        "channel": "web",
        "language": "sv",
    }
    new = NewSubmission(**{**values, **changes})
    with database.transaction() as session:
        intake.insert(session, new, actor="resident", at=NOON + number * MINUTE)
    return new.reference


def test_a_summary_holds_nothing_that_was_answered() -> None:
    assert {field.name for field in fields(SubmissionSummary)} == {
        "reference", "form_id", "form_title", "municipality", "channel", "language", "received_at", "status",
    }  # fmt: skip


def test_the_list_is_newest_first_filtered_and_in_pages(database: Database) -> None:
    places = ["sala", "sala", "gotene", None, "sala"]
    references = [
        submit(database, number, municipality=place, form_id="kontakta_mig" if number == 1 else "intresseanmalan")
        for number, place in enumerate(places)
    ]
    submissions.change_status(database, references[4], "queued", actor="anna", version=1, at=NOON)
    tables: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [4, 3, 2, 1, 0]),
        ({"municipality": "sala"}, [4, 1, 0]),
        ({"municipality": "sala", "status": "received"}, [1, 0]),
        ({"form_id": "kontakta_mig"}, [1]),
        ({"status": "' OR 1=1 --"}, []),
        ({"municipality": "annan"}, []),
    ]
    for wanted, expected in tables:
        found = submissions.listing(database, **wanted)
        assert [row.reference for row in found] == [references[number] for number in expected]
        assert submissions.count(database, **wanted) == len(expected)
    page = submissions.listing(database, limit=2, offset=1)
    assert [row.reference for row in page] == [references[3], references[2]]
    assert page[0] == SubmissionSummary(
        references[3], "intresseanmalan", "Intresseanmälan", None, "web", "sv", NOON + 3 * MINUTE, "received"
    )


def test_opening_gives_everything_and_is_on_record(database: Database) -> None:
    reference = submit(database)
    submissions.add_note(database, reference, "Ringde, inget svar \x00", actor="anna", at=NOON + MINUTE)
    version = submissions.change_status(database, reference, "in_review", actor="bo", version=1, at=NOON + 2 * MINUTE)
    opened = submissions.open_submission(database, reference, actor="anna", at=NOON + 3 * MINUTE)
    assert opened is not None
    assert (opened.answers, opened.flags, opened.form_snapshot) == (ANSWERS, ("tolk", "telefon saknas"), FORM)
    assert [(note.text, note.actor, note.written_at) for note in opened.notes] == [
        ("Ringde, inget svar \x00", "anna", NOON + MINUTE)
    ]
    assert opened.status_changes == (StatusChange(NOON + 2 * MINUTE, "bo", "received", "in_review"),)
    assert (opened.version, opened.summary.status, opened.form_version) == (version, "in_review", 3)
    assert [(event.event, event.actor) for event in audit.trail(database, reference)] == [
        ("submission.received", "resident"),
        ("submission.note_added", "anna"),
        ("submission.status_changed", "bo"),
        ("submission.opened", "anna"),
    ]


def test_each_submission_has_a_key_of_its_own(database: Database) -> None:
    references = [submit(database, number) for number in range(20)]
    for reference in references:
        submissions.add_note(database, reference, "Ringde", actor="anna", at=NOON)
    with database.reading() as session:
        rows = session.scalars(select(SubmissionRow)).all()
        keys = [intake.find_key(session, row) for row in rows]
        notes = session.scalars(select(SubmissionNoteRow).order_by(SubmissionNoteRow.submission_id)).all()
    assert len({key.key for key in keys if key is not None}) == 20
    for row, key, note in zip(rows, keys, notes, strict=True):
        assert key is not None and len(key.key) == 32 and key.key not in row.content_sealed
        assert key.open_json(note.text_sealed, intake.note_context(row.reference)) == "Ringde"
        for sealed in (row.content_sealed, note.text_sealed):
            assert key_id_of(sealed) is None


def test_a_key_moved_to_another_submission_does_not_open(database: Database) -> None:
    reference, other = submit(database, 0), submit(database, 1)
    with database.transaction() as session:
        mine, theirs = session.scalars(select(SubmissionKeyRow).order_by(SubmissionKeyRow.submission_id))
        mine.key_sealed = theirs.key_sealed
    with pytest.raises(SealError, match="moved"):
        submissions.open_submission(database, reference, actor="anna", at=NOON)
    assert submissions.open_submission(database, other, actor="anna", at=NOON) is not None


def test_a_submission_takes_its_key_along(database: Database) -> None:
    reference = submit(database, 0)
    submit(database, 1)
    with database.transaction() as session:
        session.execute(delete(SubmissionRow).where(SubmissionRow.reference == reference))
    with database.reading() as session:
        assert (
            session.scalars(select(SubmissionKeyRow.submission_id)).all()
            == session.scalars(select(SubmissionRow.id)).all()
        )


UNKNOWN = [
    "",
    "AAAAAAAA",
    "aaaaaaa",
    "AAAAAAAAA",
    "AAAAAAA0",
    "\ud800" * 8,
    "A\x00AAAAAA",
    "' OR 1=1",
    "Å" * 8,
    "A" * 10**6,
]


@pytest.mark.parametrize("reference", UNKNOWN, ids=range(len(UNKNOWN)))
def test_an_unknown_reference_finds_nothing(reference: str, database: Database) -> None:
    submit(database)
    assert submissions.open_submission(database, reference, actor="anna", at=NOON) is None
    assert submissions.status_of(database, reference) is None
    assert submissions.reference_for_draft(database, reference) is None
    with pytest.raises(SubmissionNotFoundError):
        submissions.change_status(database, reference, "queued", actor="anna", version=1, at=NOON)
    with pytest.raises(SubmissionNotFoundError):
        submissions.add_note(database, reference, "text", actor="anna", at=NOON)


def test_a_reference_is_found_as_people_type_it(database: Database) -> None:
    reference = submit(database, reference="AB2CDE3F")
    for typed in (" ab2c de3f ", "ab2c-de3f", "AB2CDE3F\n"):
        assert submissions.status_of(database, typed) == ("intresseanmalan", "received", NOON)
    assert submissions.reference_for_draft(database, "TOKEN00000") == (reference, "intresseanmalan")
    assert len(audit.trail(database, reference)) == 1


STEPS = [(before, after) for before in TRANSITIONS for after in [*TRANSITIONS, "lost", ""]]


def test_every_status_is_followed_only_by_those_in_the_table(database: Database) -> None:
    for number, (before, after) in enumerate(STEPS):
        reference, version = submit(database, number), 1
        if before != "received":
            version = submissions.change_status(database, reference, before, actor="anna", version=1, at=NOON)
        if after in TRANSITIONS[before]:
            submissions.change_status(database, reference, after, actor="anna", version=version, at=NOON)
            expected = after
        else:
            with pytest.raises(StatusNotAllowedError):
                submissions.change_status(database, reference, after, actor="anna", version=version, at=NOON)
            expected = before
        found = submissions.status_of(database, reference)
        assert found is not None and found[1] == expected, (before, after)


def test_of_two_reviewers_at_once_one_is_told(database: Database) -> None:
    reference = submit(database)
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def change(status: str) -> None:
        start.wait()
        try:
            submissions.change_status(database, reference, status, actor=status, version=1, at=NOON)
            outcomes.append(status)
        except StaleVersionError:
            outcomes.append("stale")

    threads = [threading.Thread(target=change, args=(status,)) for status in ("queued", "closed") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("stale") == 7
    opened = submissions.open_submission(database, reference, actor="anna", at=NOON)
    assert opened is not None
    assert [change.to_status for change in opened.status_changes] == [s for s in outcomes if s != "stale"]
    assert audit.verify(database) == []


def test_a_form_is_kept_once_for_all_its_submissions(database: Database) -> None:
    for number in range(3):
        submit(database, number)
    submit(database, 3, form_snapshot={**FORM, "title": {"sv": "Ny titel"}})
    submit(database, 4, form_snapshot={}, form_id="utan_titel")
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(FormSnapshotRow)) == 3
    titles = [row.form_title for row in submissions.listing(database)]
    assert titles == ["utan_titel", "Ny titel", *["Intresseanmälan"] * 3]


def test_references_have_no_look_alikes() -> None:
    made = [submissions.make_reference() for _ in range(5000)]
    assert len(set(made)) == len(made)
    assert {len(reference) for reference in made} == {8}
    assert set("".join(made)) == set("23456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert all(submissions.read_reference(reference) == reference for reference in made)
