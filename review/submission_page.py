"""One submission: what the resident answered, what has been done since, and who has read it.

Opening it is written in the audit trail before anything is shown. A status is changed against the version
that the reviewer was looking at; if somebody was there before, nothing is saved and the page says what has
changed.
"""

from typing import Any

from litestar import get, post
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from review.desk import StaffRequest, desk_of
from review.form_data import fields_of
from review.history import Names, changes_since
from review.submission_view import LONGEST_TEXT, Refused, checked, open_on_record, submission_page
from storage import submissions
from storage.submissions import StaleVersionError, StatusNotAllowedError, SubmissionNotFoundError

DONE = {
    "status": "Statusen är sparad.",
    "anteckning": "Anteckningen är sparad.",
    "komplettering": "Frågan är skickad. Personen ser den i chatten.",
    "overlamnat": "Överföringen är bekräftad.",
    "behall": "Formuläret behålls tills någon ändrar det.",
    "slapp": "Formuläret behålls inte längre.",
}


@get("/inkommet/{reference:str}", sync_to_thread=True)
def show_submission(request: StaffRequest, reference: FromPath[str]) -> Template:
    """The submission. Raises NotFoundException (404)."""
    opened = open_on_record(request, checked(reference))
    return submission_page(request, opened, done=DONE.get(request.query_params.get("sparat", "")))


@post("/inkommet/{reference:str}/status", sync_to_thread=True)
def change_status(request: StaffRequest, reference: FromPath[str]) -> Response[Any]:
    """Save a new status, or show (409) what somebody else has changed since the page was opened."""
    checked(reference)
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
        opened = open_on_record(request, reference)
        changes = changes_since(desk, Names(desk), opened, version)
        conflict = {"wanted": desk.statuses[status].label, "changes": changes}
        return submission_page(request, opened, http_status=409, conflict=conflict)
    return Redirect(f"/inkommet/{reference}?sparat=status", status_code=303)


@post("/inkommet/{reference:str}/anteckning", sync_to_thread=True)
def add_note(request: StaffRequest, reference: FromPath[str]) -> Response[Any]:
    """Save a note; an empty or too long one is shown again with what is wrong (400)."""
    checked(reference)
    desk = desk_of(request)
    (text,) = fields_of(request, "text")
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT:
        problem = f"Anteckningen får vara högst {LONGEST_TEXT} tecken." if text else "Skriv något i anteckningen."
        refused = Refused("note", problem, {"text": text})
        return submission_page(request, open_on_record(request, reference), http_status=400, refused=refused)
    try:
        submissions.add_note(desk.database, reference, text, actor=request.user.username, at=desk.clock())
    except SubmissionNotFoundError:
        raise NotFoundException from None
    return Redirect(f"/inkommet/{reference}?sparat=anteckning", status_code=303)
