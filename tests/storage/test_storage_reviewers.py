"""Reviewers: one account a name, invitations once and soon, sessions that end, failures that count."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from storage import audit, reviewers
from storage.database import Database
from storage.reviewers import InvitationError, Reviewer, UsernameError, UsernameTakenError
from storage.tables import InvitationRow, SignInFailureRow, StaffSessionRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def add(database: Database, username: str = "anna.berg") -> Reviewer:
    return reviewers.add(database, username, "Anna Berg-Öman", "argon", "reviewer", actor="cli:root", at=NOON)


def test_an_account_is_found_by_its_username(database: Database) -> None:
    assert reviewers.count(database) == 0
    anna, bo = add(database, " Anna.Berg "), add(database, "bo@example.com")
    assert anna == Reviewer(anna.id, "anna.berg", "Anna Berg-Öman", "argon", "reviewer", True)
    for typed in ("anna.berg", "ANNA.BERG", " anna.berg\n"):
        assert reviewers.find(database, typed) == anna
    assert reviewers.listing(database) == [anna, bo]
    assert reviewers.count(database) == 2
    assert [event.event for event in audit.trail(database, "anna.berg")] == ["reviewer.added"]


NO_USERNAMES = [
    "",
    "a",
    "anna berg",
    "åsa",
    "anna\x00",
    "\ud800\ud800",
    ".anna",
    "a" * 65,
    "anna'--",
    "cli:root",
    "Resident",
]


@pytest.mark.parametrize("username", NO_USERNAMES)
def test_what_is_no_username_is_refused_and_never_found(username: str, database: Database) -> None:
    with pytest.raises(UsernameError):
        add(database, username)
    assert reviewers.find(database, username) is None


def test_a_username_is_taken_once(database: Database) -> None:
    anna = add(database)
    with pytest.raises(UsernameTakenError):
        add(database, "ANNA.berg")
    assert reviewers.listing(database) == [anna]


@pytest.mark.parametrize(("later", "valid"), [(0 * MINUTE, True), (30 * MINUTE - SECOND, True), (30 * MINUTE, False)])
def test_an_invitation_is_valid_for_thirty_minutes(later: timedelta, valid: bool, database: Database) -> None:
    token = reviewers.create_invitation(database, NOON, actor="cli:root", role="admin")
    assert reviewers.invitation_is_open(database, token, NOON + later) is valid
    if valid:
        made = reviewers.accept_invitation(database, token, "anna", "Anna", "argon", at=NOON + later)
        assert (made.username, made.role) == ("anna", "admin")
    else:
        with pytest.raises(InvitationError):
            reviewers.accept_invitation(database, token, "anna", "Anna", "argon", at=NOON + later)
    assert reviewers.count(database) == int(valid)


def test_an_invitation_makes_one_account(database: Database) -> None:
    token = reviewers.create_invitation(database, NOON, actor="cli:root")
    made: list[str] = []
    start = threading.Barrier(6)

    def accept(username: str) -> None:
        start.wait()
        with suppress(InvitationError):
            made.append(reviewers.accept_invitation(database, token, username, "A", "argon", at=NOON).username)

    threads = [threading.Thread(target=accept, args=(f"anna{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reviewer.username for reviewer in reviewers.listing(database)] == made
    assert len(made) == 1
    assert reviewers.invitation_is_open(database, token, NOON) is False


def test_an_invitation_stays_when_the_username_will_not_do(database: Database) -> None:
    add(database, "anna")
    token = reviewers.create_invitation(database, NOON, actor="cli:root")
    for username, error in (("anna", UsernameTakenError), ("å", UsernameError)):
        with pytest.raises(error):
            reviewers.accept_invitation(database, token, username, "A", "argon", at=NOON)
    assert reviewers.accept_invitation(database, token, "bo", "Bo", "argon", at=NOON).username == "bo"


def test_of_invitations_for_the_first_account_the_newest_is_valid(database: Database) -> None:
    others = reviewers.create_invitation(database, NOON, actor="cli:root")
    tokens = [reviewers.create_invitation(database, NOON, actor="cli:root", first=True) for _ in range(3)]
    assert [reviewers.invitation_is_open(database, token, NOON) for token in tokens] == [False, False, True]
    for token in tokens[:2]:
        with pytest.raises(InvitationError):
            reviewers.accept_invitation(database, token, "anna", "A", "argon", at=NOON)
    assert reviewers.accept_invitation(database, tokens[2], "anna", "A", "argon", at=NOON).username == "anna"
    assert reviewers.accept_invitation(database, others, "bo", "Bo", "argon", at=NOON).username == "bo"


def test_an_invitation_for_the_first_account_makes_no_second_one(database: Database) -> None:
    token = reviewers.create_invitation(database, NOON, actor="cli:root", first=True)
    anna = add(database)
    assert reviewers.invitation_is_open(database, token, NOON) is False
    with pytest.raises(InvitationError):
        reviewers.accept_invitation(database, token, "bo", "Bo", "argon", at=NOON)
    reviewers.deactivate(database, anna.id, actor="cli:root", at=NOON)
    assert reviewers.invitation_is_open(database, token, NOON) is False


@pytest.mark.parametrize("token", ["", "unknown", "\ud800", "a\x00b"])
def test_an_unknown_token_opens_nothing(token: str, database: Database) -> None:
    reviewers.create_invitation(database, NOON, actor="cli:root")
    assert reviewers.invitation_is_open(database, token, NOON) is False
    with pytest.raises(InvitationError):
        reviewers.accept_invitation(database, token, "anna", "A", "argon", at=NOON)
    assert reviewers.session_reviewer(database, token, NOON) is None
    reviewers.end_session(database, token)


IDLE = 15 * MINUTE
SESSIONS = [
    ([0 * MINUTE], True),
    ([IDLE - SECOND], True),
    ([IDLE], False),
    ([10 * MINUTE, 20 * MINUTE, 30 * MINUTE], True),
    ([10 * MINUTE, 25 * MINUTE], False),
    ([n * 14 * MINUTE for n in range(1, 35)], True),
    ([*(n * 14 * MINUTE for n in range(1, 35)), 8 * HOUR - SECOND], True),
    ([*(n * 14 * MINUTE for n in range(1, 35)), 8 * HOUR], False),
    ([-1 * HOUR], True),
    ([-1 * HOUR, -1 * HOUR + IDLE - SECOND], True),
]


@pytest.mark.parametrize(("seen", "valid"), SESSIONS, ids=range(len(SESSIONS)))
def test_a_session_ends_when_idle_or_old(seen: list[timedelta], valid: bool, database: Database) -> None:
    anna = add(database)
    token = reviewers.start_session(database, anna.id, NOON)
    *before, last = seen
    for later in before:
        assert reviewers.session_reviewer(database, token, NOON + later) == anna
    assert reviewers.session_reviewer(database, token, NOON + last) == (anna if valid else None)
    assert reviewers.session_reviewer(database, token, NOON + last) == (anna if valid else None)


@pytest.mark.parametrize("how", ["end_session", "deactivate", "change_password"])
def test_a_session_can_be_ended(how: str, database: Database) -> None:
    anna, bo = add(database), add(database, "bo")
    token, other = (reviewers.start_session(database, who.id, NOON) for who in (anna, bo))
    if how == "end_session":
        reviewers.end_session(database, token)
    elif how == "deactivate":
        reviewers.deactivate(database, anna.id, actor="bo", at=NOON)
        found = reviewers.find(database, "anna.berg")
        assert found is not None and found.active is False
        assert reviewers.session_reviewer(database, reviewers.start_session(database, anna.id, NOON), NOON) is None
    else:
        reviewers.change_password(database, anna.id, "new", actor="anna.berg", at=NOON)
        found = reviewers.find(database, "anna.berg")
        assert found is not None and found.password_hash == "new"
    assert reviewers.session_reviewer(database, token, NOON) is None
    assert reviewers.session_reviewer(database, other, NOON) == bo


def test_a_renewed_hash_ends_no_session(database: Database) -> None:
    anna = add(database)
    token = reviewers.start_session(database, anna.id, NOON)
    reviewers.renew_hash(database, anna.id, "stronger")
    found = reviewers.session_reviewer(database, token, NOON)
    assert found is not None and found.password_hash == "stronger"


def test_tokens_are_not_kept_and_old_rows_go(database: Database) -> None:
    anna = add(database)
    old = [
        reviewers.create_invitation(database, NOON, actor="cli:root"),
        reviewers.start_session(database, anna.id, NOON),
    ]
    new = [
        reviewers.create_invitation(database, NOON + HOUR, actor="cli:root"),
        reviewers.start_session(database, anna.id, NOON + HOUR),
    ]
    with database.reading() as session:
        kept = [
            session.scalars(select(InvitationRow.token_key)).all(),
            session.scalars(select(StaffSessionRow.token_key)).all(),
        ]
    assert [len(keys) for keys in kept] == [1, 1]
    assert not {key for keys in kept for key in keys} & {*old, *new}
    assert min(len(token) for token in old) >= 43


def test_failed_sign_ins_are_counted_by_name_and_address(database: Database) -> None:
    tries = [("anna", "192.0.2.1", 0), ("ANNA ", "192.0.2.2", 30), ("bo", "192.0.2.1", 60), ("\ud800\x00", "", 60)]
    for username, address, seconds in tries:
        reviewers.record_failure(database, username, address, NOON + seconds * SECOND)
    assert reviewers.recent_failures(database, NOON - SECOND) == 4
    assert reviewers.recent_failures(database, NOON - SECOND, username="anna") == 2
    assert reviewers.recent_failures(database, NOON, username="Anna") == 1
    assert reviewers.recent_failures(database, NOON - SECOND, address="192.0.2.1") == 2
    assert reviewers.recent_failures(database, NOON - SECOND, username="bo", address="192.0.2.2") == 0
    reviewers.forget_failures(database, "anna")
    assert reviewers.recent_failures(database, NOON - SECOND) == 2
    reviewers.record_failure(database, "bo", "192.0.2.9", NOON + 25 * HOUR)
    with database.reading() as session:
        assert len(session.scalars(select(SignInFailureRow.id)).all()) == 1
