"""One submission: what the resident answered, what has been done since, and who has read it.

Opening it is written in the audit trail before anything is shown. A status is changed against the version
that the reviewer was looking at; if somebody was there before, nothing is saved and the page says what has
changed.
"""

import re
from typing import Any

from litestar import get, post
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from forms.loader import form_from_snapshot
from review.desk import StaffRequest, desk_of
from review.form_data import fields_of
from review.history import Names, history_of, status_entry, trail_of
from review.pages import page
from review.presentation import flag_texts, sections_of
from review.submission_list import heading
from storage import audit, submissions
from storage.submissions import StaleVersionError, StatusNotAllowedError, Submission, SubmissionNotFoundError

REFERENCE = re.compile(r"[0-9A-Z]{8}")
LONGEST_NOTE = 4000
LONGEST_TRAIL = 50
DONE = {"status": "Statusen är sparad.", "anteckning": "Anteckningen är sparad."}


@get("/inkommet/{reference:str}", sync_to_thread=True)
def show_submission(request: StaffRequest, reference: FromPath[str]) -> Template:
    """The submission. Raises NotFoundException (404)."""
    _refuse_other_than_reference(reference)
    return _page(request, _open(request, reference), done=DONE.get(request.query_params.get("sparat", "")))


@post("/inkommet/{reference:str}/status", sync_to_thread=True)
def change_status(request: StaffRequest, reference: FromPath[str]) -> Response[Any]:
    """Save a new status, or show (409) what somebody else has changed since the page was opened."""
    _refuse_other_than_reference(reference)
    desk = desk_of(request)
    status, version_text = fields_of(request, "status", "version")
    if status not in desk.statuses or not (
        version_text.isascii() and version_text.isdigit() and len(version_text) < 10
    ):
        raise ClientException("unknown status or version")
    version = int(version_text)
    actor, at = request.user.username, desk.clock()
    try:
        submissions.change_status(desk.database, reference, status, actor=actor, version=version, at=at)
    except SubmissionNotFoundError:
        raise NotFoundException from None
    except StatusNotAllowedError:
        raise ClientException("status not allowed") from None
    except StaleVersionError:
        opened = _open(request, reference)
        # A submission begins with version 1 and each status change adds one.
        since = opened.status_changes[max(version - 1, 0) :]
        changes = [status_entry(desk, Names(desk), change) for change in since]
        conflict = {"wanted": desk.statuses[status].label, "changes": changes}
        return _page(request, opened, http_status=409, conflict=conflict)
    return Redirect(f"/inkommet/{reference}?sparat=status", status_code=303)


@post("/inkommet/{reference:str}/anteckning", sync_to_thread=True)
def add_note(request: StaffRequest, reference: FromPath[str]) -> Response[Any]:
    """Save a note; an empty or too long one is shown again with what is wrong (400)."""
    _refuse_other_than_reference(reference)
    desk = desk_of(request)
    (text,) = fields_of(request, "text")
    text = text.strip()
    if not text or len(text) > LONGEST_NOTE:
        problem = f"Anteckningen får vara högst {LONGEST_NOTE} tecken." if text else "Skriv något i anteckningen."
        return _page(request, _open(request, reference), http_status=400, problem=problem, note_text=text)
    try:
        submissions.add_note(desk.database, reference, text, actor=request.user.username, at=desk.clock())
    except SubmissionNotFoundError:
        raise NotFoundException from None
    return Redirect(f"/inkommet/{reference}?sparat=anteckning", status_code=303)


def _refuse_other_than_reference(text: str) -> None:
    """The address must hold a reference as we write it: it is used again in the address that follows."""
    if not REFERENCE.fullmatch(text):
        raise NotFoundException


def _open(request: StaffRequest, reference: str) -> Submission:
    desk = desk_of(request)
    actor, at = request.user.username, desk.clock()
    opened = submissions.open_submission(desk.database, reference, actor=actor, at=at)
    if opened is None:
        raise NotFoundException
    return opened


def _page(
    request: StaffRequest,
    opened: Submission,
    *,
    http_status: int = 200,
    done: str | None = None,
    problem: str | None = None,
    conflict: dict[str, Any] | None = None,
    note_text: str = "",
) -> Template:
    """`problem` is about the note, `conflict` about the status; `note_text`: what was typed and not saved."""
    desk = desk_of(request)
    names = Names(desk)
    summary = opened.summary
    form = form_from_snapshot(opened.form_snapshot)
    events = audit.trail(desk.database, summary.reference)
    return page(
        request,
        "submission.html",
        status=http_status,
        head=heading(desk, summary),
        version=opened.version,
        sections=sections_of(form, opened.answers, summary.language),
        flags=flag_texts(form, opened.flags),
        statuses={status: desk.statuses[status] for status in submissions.TRANSITIONS[summary.status]},
        history=history_of(desk, names, opened),
        trail=trail_of(desk, names, events[-LONGEST_TRAIL:]),
        trail_length=len(events),
        trail_shown=LONGEST_TRAIL,
        note_length=LONGEST_NOTE,
        note_text=note_text,
        done=done,
        problem=problem,
        conflict=conflict,
    )
