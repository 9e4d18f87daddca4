"""After it was sent in: staff ask, residents add and withdraw; all of it sealed, on the record, and never too late."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from storage import additions, audit, submissions
from storage.addition_tables import SubmissionAdditionRow, SubmissionRequestRow
from storage.additions import (
    Addition,
    StatusNotAllowedError,
    SubmissionNotFoundError,
    Withdrawal,
    can_be_withdrawn,
)
from storage.conversations import ConversationChangedError
from storage.database import Database
from storage.encryption import SealError, key_id_of
from storage.submissions import TRANSITIONS, StaleVersionError, Submission
from storage.tables import SubmissionKeyRow
from tests.storage.families import BY_KURATOR, NOON, act, application, rows

REFERENCE, OTHER = "AB2CDE3F", "AB2CDE3G"
MINUTE = timedelta(minutes=1)
WAITING = "waiting_for_completion"


def submit(database: Database, reference: str = REFERENCE, **changes: object) -> str:
    act(database, submission=application(f"T{reference}", reference, **changes))
    return reference


def opened(database: Database, reference: str = REFERENCE) -> Submission:
    found = submissions.open_submission(database, reference, actor="anna", at=NOON)
    assert found is not None
    return found


def move(database: Database, *statuses: str) -> None:
    for status in statuses:
        submissions.change_status(database, REFERENCE, status, actor="anna", version=opened(database).version, at=NOON)


def ask(database: Database, text: str, reference: str = REFERENCE) -> None:
    additions.ask(database, reference, text, actor="anna", at=NOON)


def events(database: Database) -> list[tuple[str, str]]:
    """What is on record, but for receiving and opening."""
    ordinary = ("submission.received", "submission.opened")
    trail = audit.trail(database, REFERENCE)
    return [(event.event, event.actor) for event in trail if event.event not in ordinary]


def test_what_staff_ask_for_waits_until_it_is_answered(database: Database) -> None:
    submit(database)
    ask(database, " Vilken skola går barnet i? \x00\ud800 ")
    ask(database, "När når vi dig?")
    first, second = additions.open_requests_of(database, "ab2c-de3f")
    assert (first.text, first.actor, first.asked_at) == ("Vilken skola går barnet i? \x00\ud800", "anna", NOON)
    assert opened(database).summary.status == WAITING
    act(database, Addition(REFERENCE, second.id, "Efter fem", "Åsa Öberg"), at=NOON + MINUTE)
    assert additions.open_requests_of(database, REFERENCE) == (first,)
    assert opened(database).summary.status == WAITING
    act(database, Addition(REFERENCE, first.id, "Valla skola \x00", "Åsa Öberg"), at=NOON + 2 * MINUTE)
    assert additions.open_requests_of(database, REFERENCE) == ()
    found = opened(database)
    assert found.summary.status == "in_review"
    assert [request.answered_at for request in found.requests] == [NOON + 2 * MINUTE, NOON + MINUTE]
    assert [(one.added_at, one.kind, one.text, one.by, one.request_id) for one in found.additions] == [
        (NOON + MINUTE, "answer", "Efter fem", "Åsa Öberg", second.id),
        (NOON + 2 * MINUTE, "answer", "Valla skola \x00", "Åsa Öberg", first.id),
    ]
    assert events(database) == [
        ("submission.status_changed", "anna"),
        ("submission.completion_requested", "anna"),
        ("submission.completion_requested", "anna"),
        ("submission.supplemented", "resident"),
        ("submission.supplemented", "resident"),
        ("submission.status_changed", "resident"),
    ]
    assert audit.verify(database) == []


@pytest.mark.parametrize("status", TRANSITIONS)
def test_what_may_be_asked_added_and_withdrawn_by_status(status: str, database: Database) -> None:
    submit(database)
    if status != "received":
        move(database, status)
    may_wait = status == WAITING or WAITING in TRANSITIONS[status]
    if may_wait:
        ask(database, "Vad?")
        assert opened(database).summary.status == WAITING
    else:
        with pytest.raises(StatusNotAllowedError):
            ask(database, "Vad?")
        assert (opened(database).summary.status, opened(database).requests) == (status, ())
    now = opened(database).summary.status
    act(database, Addition(REFERENCE, None, "Något till", None))
    assert [(one.kind, one.text, one.by) for one in opened(database).additions] == [("addition", "Något till", None)]
    assert opened(database).summary.status == now
    if can_be_withdrawn(now):
        act(database, Withdrawal(REFERENCE, "Åsa Öberg"))
        assert opened(database).summary.status == "withdrawn"
        assert opened(database).additions[-1].kind == "withdrawal" and opened(database).additions[-1].by == "Åsa Öberg"
    else:
        before = opened(database)
        with pytest.raises(ConversationChangedError):
            act(database, Withdrawal(REFERENCE, "Åsa Öberg"))
        assert opened(database) == before
    assert can_be_withdrawn(now) == (now in ("received", "in_review", WAITING, "queued"))


def test_withdrawing_deletes_nothing_and_is_on_record(database: Database) -> None:
    submit(database)
    before = opened(database)
    act(database, Withdrawal(REFERENCE, "Åsa Öberg"), at=NOON + MINUTE)
    after = opened(database)
    assert (after.answers, after.flags, after.given) == (before.answers, before.flags, BY_KURATOR)
    assert [(change.actor, change.from_status, change.to_status) for change in after.status_changes] == [
        ("resident", "received", "withdrawn")
    ]
    assert events(database) == [("submission.status_changed", "resident"), ("submission.withdrawn", "resident")]
    details = [dict(event.details) for event in audit.trail(database, REFERENCE)]
    assert {"from": "received", "to": "withdrawn"} in details and "Åsa" not in repr(details)


def test_staff_who_move_on_ask_no_more(database: Database) -> None:
    """The question stays to be read; the resident is not asked for what nobody waits for."""
    submit(database)
    ask(database, "Vad?")
    (request,) = additions.open_requests_of(database, REFERENCE)
    move(database, "queued")
    assert additions.open_requests_of(database, REFERENCE) == ()
    act(database, Addition(REFERENCE, request.id, "Ändå", None))
    found = opened(database)
    assert (found.summary.status, found.additions[0].request_id) == ("queued", request.id)


def refused(database: Database) -> list[Addition | Withdrawal]:
    submit(database)
    submit(database, OTHER)
    ask(database, "Vad?", OTHER)
    ask(database, "Vad?")
    (theirs,), (mine,) = (additions.open_requests_of(database, reference) for reference in (OTHER, REFERENCE))
    act(database, Addition(REFERENCE, mine.id, "Svar", None))
    unknown = [Addition(reference, None, "Något", None) for reference in ("AB2CDE3H", "", "\x00", "å" * 8)]
    wrong = [Addition(REFERENCE, number, "Något", None) for number in (mine.id, theirs.id, 999)]
    return [*unknown, *wrong, Withdrawal("AB2CDE3H", None)]


def test_what_cannot_be_added_is_refused_and_nothing_written(database: Database) -> None:
    for effect in refused(database):
        before = rows(database)
        with pytest.raises(ConversationChangedError):
            act(database, effect)
        assert rows(database) == before, effect


def test_staff_ask_for_something_in_something(database: Database) -> None:
    submit(database)
    for reference in ("AB2CDE3H", "", "\ud800"):
        with pytest.raises(SubmissionNotFoundError):
            ask(database, "Vad?", reference)
        assert additions.open_requests_of(database, reference) == ()
    with pytest.raises(ValueError, match="say what"):
        ask(database, " \n ")
    assert opened(database).summary.status == "received"


def test_a_reviewer_does_not_decide_past_what_has_just_come(database: Database) -> None:
    submit(database)
    seen = opened(database)
    act(database, Addition(REFERENCE, None, "Något viktigt", None))
    with pytest.raises(StaleVersionError):
        submissions.change_status(database, REFERENCE, "closed", actor="anna", version=seen.version, at=NOON)


def test_requests_and_additions_have_the_submissions_own_key_and_go_with_it(database: Database) -> None:
    submit(database)
    ask(database, "Vad?")
    act(database, Addition(REFERENCE, None, "Något", "Åsa"))
    with database.reading() as session:
        sealed = [
            *session.scalars(select(SubmissionRequestRow.text_sealed)),
            *session.scalars(select(SubmissionAdditionRow.content_sealed)),
        ]
    assert [key_id_of(value) for value in sealed] == [None, None]
    assert all(b"Vad" not in value and "Något".encode() not in value for value in sealed)
    with database.transaction() as session:
        session.execute(delete(SubmissionKeyRow))
    with pytest.raises(SealError, match="destroyed"):
        ask(database, "Mer?")
    with pytest.raises(SealError, match="destroyed"):
        act(database, Addition(REFERENCE, None, "Mer", None))
    with pytest.raises(SealError, match="destroyed"):
        additions.open_requests_of(database, REFERENCE)


def test_a_request_moved_to_another_submission_does_not_open(database: Database) -> None:
    submit(database)
    submit(database, OTHER)
    for reference in (REFERENCE, OTHER):
        ask(database, f"Vad, {reference}?", reference)
    with database.transaction() as session:
        first, second = session.scalars(select(SubmissionRequestRow).order_by(SubmissionRequestRow.id))
        first.text_sealed, second.text_sealed = second.text_sealed, first.text_sealed
    with pytest.raises(SealError):
        additions.open_requests_of(database, REFERENCE)


def test_one_answer_to_a_request_when_two_come_at_once(open_database: Callable[[], Database]) -> None:
    databases = [open_database(), open_database()]
    submit(databases[0])
    ask(databases[0], "Vad?")
    (request,) = additions.open_requests_of(databases[0], REFERENCE)
    start, outcomes = threading.Barrier(8), list[str]()

    def answer(number: int) -> None:
        start.wait()
        try:
            act(databases[number % 2], Addition(REFERENCE, request.id, f"svar {number}", None))
            outcomes.append("added")
        except ConversationChangedError:
            outcomes.append("refused")

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added", *["refused"] * 7]
    found = opened(databases[0])
    assert (len(found.additions), found.summary.status) == (1, "in_review")
    assert audit.verify(databases[0]) == []


def test_a_signed_paper_is_marked(database: Database) -> None:
    submit(database, signed_on_paper=True)
    submit(database, OTHER)
    assert [opened(database, reference).signed_on_paper for reference in (REFERENCE, OTHER)] == [True, False]
