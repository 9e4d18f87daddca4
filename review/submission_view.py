"""The page of one submission, put together: the answers and who gave them, what was asked for and added, how the
guardians have answered, its history, and the forms for what staff can do with it.

Opening it is written in the audit trail before anything is shown; what the forms do is in the modules beside this one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar.exceptions import NotFoundException
from litestar.response import Template

from forms.loader import form_from_snapshot
from review.additions import added_of, guardians_of, requests_of
from review.desk import Desk, StaffRequest, desk_of
from review.history import Names, history_of, trail_of
from review.labels import STOCKHOLM, stockholm_time
from review.pages import page
from review.presentation import flag_texts, sections_of
from review.submission_list import heading
from storage import audit, batons, retention_holds, submissions
from storage.submissions import Submission

REFERENCE = re.compile(r"[0-9A-Z]{8}")
LONGEST_TEXT = 4000
LONGEST_NUMBER = 64
LONGEST_TRAIL = 50


@dataclass(frozen=True)
class Refused:
    """A form that was not saved: which one, why, and what was typed in it."""

    form: str
    problem: str
    typed: Mapping[str, str] = field(default_factory=dict)


def checked(reference: str) -> str:
    """The address must hold a reference as we write it: it is used again in the address that follows.

    Raises NotFoundException (404).
    """
    if not REFERENCE.fullmatch(reference):
        raise NotFoundException
    return reference


def open_on_record(request: StaffRequest, reference: str) -> Submission:
    """The submission. Raises NotFoundException (404)."""
    desk = desk_of(request)
    actor, at = request.user.username, desk.clock()
    opened = submissions.open_submission(desk.database, reference, actor=actor, at=at)
    if opened is None:
        raise NotFoundException
    return opened


def submission_page(
    request: StaffRequest,
    opened: Submission,
    *,
    http_status: int = 200,
    done: str | None = None,
    refused: Refused | None = None,
    conflict: dict[str, Any] | None = None,
) -> Template:
    """The page. `done`: what was saved just now; `refused`: what was not; `conflict`: about the status."""
    desk = desk_of(request)
    names = Names(desk)
    summary = opened.summary
    form = form_from_snapshot(opened.form_snapshot)
    events = audit.trail(desk.database, summary.reference)
    sent_on = summary.received_at.astimezone(STOCKHOLM).date()
    following = submissions.TRANSITIONS[summary.status]
    return page(
        request,
        "submission.html",
        status=http_status,
        head=heading(desk, summary),
        version=opened.version,
        sections=sections_of(form, opened.answers, summary.language, given=opened.given, on=sent_on),
        flags=flag_texts(form, opened.flags),
        signed_on_paper=opened.signed_on_paper,
        guardians=guardians_of(batons.links_of_submission(desk.database, summary.reference, desk.clock())),
        requests=requests_of(names, opened.requests),
        added=added_of(opened.additions),
        may_ask=summary.status == "waiting_for_completion" or "waiting_for_completion" in following,
        statuses={status: desk.statuses[status] for status in following},
        history=history_of(desk, names, opened),
        trail=trail_of(desk, names, events[-LONGEST_TRAIL:]),
        trail_length=len(events),
        trail_shown=LONGEST_TRAIL,
        longest_text=LONGEST_TEXT,
        longest_number=LONGEST_NUMBER,
        done=done,
        refused=refused,
        conflict=conflict,
        **_keeping(desk, names, opened),
    )


def _keeping(desk: Desk, names: Names, opened: Submission) -> dict[str, Any]:
    """What decides how long it is kept: the confirmed hand-over, and who holds it."""
    reference = opened.summary.reference
    confirmed = retention_holds.hand_over_of(desk.database, reference)
    hold = retention_holds.hold_of(desk.database, reference)
    return {
        "may_confirm": opened.summary.status == "handed_over",
        "hand_over": confirmed
        and {
            "at": stockholm_time(confirmed.confirmed_at),
            "who": names.of(confirmed.actor),
            "number": confirmed.case_number,
        },
        "hold": hold and {"at": stockholm_time(hold.held_at), "who": names.of(hold.actor)},
    }
