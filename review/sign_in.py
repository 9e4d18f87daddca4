"""Sign-in with username and password, and sign-out.

A wrong password, an unknown name and a closed account give the same answer in the same time. Attempts are
counted before the password is looked at, so that many at once cannot slip through together; a sign-in that
succeeds clears the count.
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final

from litestar import get, post
from litestar.exceptions import TooManyRequestsException
from litestar.response import Redirect, Response, Template

from review.access import staff_cookie, visit_cookie
from review.desk import Desk, StaffRequest, desk_of
from review.form_data import fields_of
from review.pages import page
from storage import audit, audit_review, reviewers
from storage.reviewers import Reviewer

WINDOW: Final = timedelta(minutes=1)
MOST_PER_NAME: Final = 5
"""Attempts in WINDOW for one username from one address."""
MOST_PER_ADDRESS: Final = 30
"""Attempts in WINDOW from one address, whatever the username."""
ONWARD: Final = re.compile(r"/inkommet(/[0-9A-Z]{8})?|/fragor|/loggkontroll")
"""Where a sign-in may lead: our own pages, nothing else."""
WRONG: Final = "Användarnamnet eller lösenordet stämmer inte. Kontrollera stavningen och försök igen."
NOTICES: Final = {"konto": "Kontot är skapat. Nu kan du logga in.", "utloggad": "Du är utloggad."}


@get("/logga-in", opt={"open": True}, sync_to_thread=True)
def show_sign_in(request: StaffRequest) -> Response[Any]:
    """The sign-in form; a reviewer who is signed in already goes straight on."""
    onward = _onward(request.query_params.get("till", ""))
    if request.user is not None:
        return Redirect(onward, status_code=303)
    return _page(request, onward, notice=NOTICES.get(request.query_params.get("hur", "")))


@post("/logga-in", opt={"open": True}, sync_to_thread=True)
def sign_in(request: StaffRequest) -> Response[Any]:
    """Start a session and go on, or show the form again (401). Raises TooManyRequestsException (429)."""
    desk = desk_of(request)
    username, password, onward = fields_of(request, "username", "password", "till")
    at = desk.clock()
    _count_attempt(desk, username, request.client.host if request.client else "", at)
    reviewer = _reviewer_with(desk, username, password)
    if reviewer is None:
        _write_down_failure(desk, username, at)
        return _page(request, _onward(onward), username=username, problem=WRONG)
    reviewers.forget_failures(desk.database, username)
    if desk.passwords.is_outdated(reviewer.password_hash):
        reviewers.renew_hash(desk.database, reviewer.id, desk.passwords.hash(password))
    if old := request.cookies.get(desk.session_cookie):
        reviewers.end_session(desk.database, old)
    session = reviewers.start_session(desk.database, reviewer.id, at)
    _write_down(desk, "reviewer.signed_in", reviewer, at)
    cookies = [
        staff_cookie(desk, desk.session_cookie, session),
        staff_cookie(desk, desk.visit_cookie, "", remove=True),
    ]
    return Redirect(_onward(onward), status_code=303, cookies=cookies)


@post("/logga-ut", sync_to_thread=True)
def sign_out(request: StaffRequest) -> Redirect:
    """End the session, here and in the browser."""
    desk = desk_of(request)
    fields_of(request)
    reviewers.end_session(desk.database, request.cookies[desk.session_cookie])
    _write_down(desk, "reviewer.signed_out", request.user, desk.clock())
    cookies = [staff_cookie(desk, desk.session_cookie, "", remove=True)]
    return Redirect("/logga-in?hur=utloggad", status_code=303, cookies=cookies)


def _count_attempt(desk: Desk, username: str, address: str, at: datetime) -> None:
    """Raises TooManyRequestsException; an attempt that is refused at once does not make the wait longer."""
    if _is_too_many(desk, username, address, at, others=0):
        raise TooManyRequestsException(headers={"Retry-After": "60"})
    reviewers.record_failure(desk.database, username, address, at)
    if _is_too_many(desk, username, address, at, others=1):
        raise TooManyRequestsException(headers={"Retry-After": "60"})


def _is_too_many(desk: Desk, username: str, address: str, at: datetime, *, others: int) -> bool:
    since = at - WINDOW
    by_name = reviewers.recent_failures(desk.database, since, username=username, address=address)
    by_address = reviewers.recent_failures(desk.database, since, address=address)
    return by_name >= MOST_PER_NAME + others or by_address >= MOST_PER_ADDRESS + others


def _reviewer_with(desk: Desk, username: str, password: str) -> Reviewer | None:
    found = reviewers.find(desk.database, username)
    stored = found.password_hash if found is not None and found.active else None
    return found if desk.passwords.matches(stored, password) else None


def _write_down(desk: Desk, event: str, reviewer: Reviewer, at: datetime) -> None:
    audit.append(desk.database, actor=reviewer.username, event=event, subject=reviewer.username, at=at)


def _onward(address: str) -> str:
    return address if ONWARD.fullmatch(address) else "/inkommet"


def _write_down_failure(desk: Desk, username: str, at: datetime) -> None:
    """For an unknown name too, so that it takes as long; but not what was typed, which may be a password."""
    known = reviewers.find(desk.database, username)
    subject = audit_review.NO_ACCOUNT if known is None else known.username
    audit.append(desk.database, actor="system", event=audit_review.SIGN_IN_FAILED, subject=subject, at=at)


def _page(
    request: StaffRequest,
    onward: str,
    *,
    notice: str | None = None,
    username: str = "",
    problem: str | None = None,
) -> Template:
    desk = desk_of(request)
    return page(
        request,
        "sign_in.html",
        status=401 if problem else 200,
        cookies=visit_cookie(request, desk),
        onward=onward,
        notice=notice,
        sign_in_note=desk.sign_in_note,
        no_accounts=reviewers.count(desk.database) == 0,
        username=username,
        problem=problem,
    )
