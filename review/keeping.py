"""What staff say of how long a submission is kept: that it has arrived in the municipality's own records, and that it
must stay for now.
"""

from collections.abc import Callable
from typing import Any

from litestar import post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Response

from review.desk import StaffRequest, desk_of
from review.form_data import fields_of
from review.submission_view import (
    LONGEST_NUMBER,
    LONGEST_TEXT,
    Refused,
    checked,
    open_on_record,
    submission_page,
)
from storage import retention_holds
from storage.retention_holds import HoldError, StatusNotAllowedError, SubmissionNotFoundError


@post("/inkommet/{reference:str}/overlamnat", sync_to_thread=True)
def confirm_hand_over(request: StaffRequest, reference: FromPath[str]) -> Response[Any]:
    """Confirm that it is in the municipality's own records, with or without its number there."""
    checked(reference)
    desk = desk_of(request)
    (number,) = (field.strip() for field in fields_of(request, "number"))
    if len(number) > LONGEST_NUMBER or not number.isprintable():
        refused = Refused("hand_over", f"Numret får vara högst {LONGEST_NUMBER} tecken.", {"number": number})
        return submission_page(request, open_on_record(request, reference), http_status=400, refused=refused)
    actor, at = request.user.username, desk.clock()
    try:
        retention_holds.confirm_hand_over(desk.database, reference, case_number=number or None, actor=actor, at=at)
    except SubmissionNotFoundError:
        raise NotFoundException from None
    except StatusNotAllowedError:
        refused = Refused("hand_over", "Sätt statusen till Överlämnat först.", {"number": number})
        return submission_page(request, open_on_record(request, reference), http_status=409, refused=refused)
    return Redirect(f"/inkommet/{reference}?sparat=overlamnat", status_code=303)


@post("/inkommet/{reference:str}/behall", sync_to_thread=True)
def hold(request: StaffRequest, reference: FromPath[str]) -> Response[Any]:
    """From now on it is not removed. The reason becomes a note."""
    return _hold(request, reference, retention_holds.set_hold, "behall", "Det behålls redan.")


@post("/inkommet/{reference:str}/slapp", sync_to_thread=True)
def release(request: StaffRequest, reference: FromPath[str]) -> Response[Any]:
    """It may be removed when its time has come. The reason becomes a note."""
    return _hold(request, reference, retention_holds.clear_hold, "slapp", "Det behålls inte längre.")


def _hold(
    request: StaffRequest, reference: str, change: Callable[..., None], saved: str, too_late: str
) -> Response[Any]:
    checked(reference)
    desk = desk_of(request)
    (reason,) = (field.strip() for field in fields_of(request, "reason"))
    if not reason or len(reason) > LONGEST_TEXT:
        problem = f"Skälet får vara högst {LONGEST_TEXT} tecken." if reason else "Skriv varför."
        refused = Refused("hold", problem, {"reason": reason})
        return submission_page(request, open_on_record(request, reference), http_status=400, refused=refused)
    try:
        change(desk.database, reference, reason, actor=request.user.username, at=desk.clock())
    except SubmissionNotFoundError:
        raise NotFoundException from None
    except HoldError:
        refused = Refused("hold", f"Någon annan hann före. {too_late}", {"reason": reason})
        return submission_page(request, open_on_record(request, reference), http_status=409, refused=refused)
    return Redirect(f"/inkommet/{reference}?sparat={saved}", status_code=303)
