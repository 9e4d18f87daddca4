"""Staff ask for what is missing; the resident sees it in the chat and answers there."""

from typing import Any

from litestar import post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Response

from review.desk import StaffRequest, desk_of
from review.form_data import fields_of
from review.submission_view import LONGEST_TEXT, Refused, checked, open_on_record, submission_page
from storage import additions
from storage.additions import StatusNotAllowedError, SubmissionNotFoundError


@post("/inkommet/{reference:str}/komplettering", sync_to_thread=True)
def ask_for_more(request: StaffRequest, reference: FromPath[str]) -> Response[Any]:
    """Ask; an empty or too long text is shown again (400), and so is one that cannot be asked any more (409)."""
    checked(reference)
    desk = desk_of(request)
    (text,) = (field.strip() for field in fields_of(request, "text"))
    if not text or len(text) > LONGEST_TEXT:
        problem = f"Frågan får vara högst {LONGEST_TEXT} tecken." if text else "Skriv vad som saknas."
        refused = Refused("request", problem, {"text": text})
        return submission_page(request, open_on_record(request, reference), http_status=400, refused=refused)
    try:
        additions.ask(desk.database, reference, text, actor=request.user.username, at=desk.clock())
    except SubmissionNotFoundError:
        raise NotFoundException from None
    except StatusNotAllowedError:
        refused = Refused("request", "Statusen har ändrats. Nu går det inte att be om komplettering.", {"text": text})
        return submission_page(request, open_on_record(request, reference), http_status=409, refused=refused)
    return Redirect(f"/inkommet/{reference}?sparat=komplettering", status_code=303)
