"""The review of the log: who opened, changed, exported and searched what, in numbers for each reviewer and day.

For whoever checks, again and again, that access keeps to the work. Dates alone are chosen, so nothing of a person is in
the address. Looking is itself on the record before anything is shown. What is counted is decided in
`storage.audit_review`; there is one role on these pages, so everybody who is signed in may look.
"""

from datetime import date, timedelta
from typing import Any, Final

from litestar import get
from litestar.response import Template

from review.desk import StaffRequest, desk_of
from review.labels import STOCKHOLM
from review.pages import page
from storage import audit_log
from storage.audit_review import FIELDS, NO_ACCOUNT, OFTEN, ReviewedDay

MOST_DAYS: Final = 92
_PROPOSED: Final = timedelta(days=7)


@get("/loggkontroll", sync_to_thread=True)
def show_log_review(request: StaffRequest) -> Template:
    """The numbers of the chosen days; only the two fields until there are any, and with dates that are none (400)."""
    desk, at = desk_of(request), desk_of(request).clock()
    today = at.astimezone(STOCKHOLM).date()
    asked = [request.query_params.get(name) for name in ("fran", "till")]
    if asked == [None, None]:
        return _page(request, [(today - _PROPOSED).isoformat(), today.isoformat()])
    first, last = (_day(text) for text in asked)
    if first is None or last is None:
        return _page(request, asked, status=400, problem="Välj två datum. Skriv dem så här: 2026-03-01.")
    if first > last:
        return _page(request, asked, status=400, problem="Den första dagen är efter den sista. Byt plats på dem.")
    if last - first >= timedelta(days=MOST_DAYS):
        return _page(request, asked, status=400, problem=f"Välj högst {MOST_DAYS} dagar i taget.")
    found = audit_log.review(desk.database, first, last, actor=request.user.username, at=at)
    return _page(request, asked, rows=[_row(one) for one in found], caption=_caption(found, first, last))


def _page(request: StaffRequest, asked: list[str | None], status: int = 200, **context: Any) -> Template:
    nothing: dict[str, Any] = {"rows": [], "caption": None, "problem": None}
    first, last = asked
    return page(
        request,
        "log_review.html",
        status=status,
        here="log",
        first=first or "",
        last=last or "",
        often=OFTEN,
        **nothing | context,
    )


def _day(text: str | None) -> date | None:
    """None for anything that is no day of a usual calendar, written year, month, day."""
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if 2000 <= found.year < 2200 else None


def _row(one: ReviewedDay) -> dict[str, Any]:
    reviewer = "Okänt användarnamn" if one.reviewer == NO_ACCOUNT else one.reviewer
    return {
        "day": one.day.isoformat(),
        "reviewer": reviewer,
        "numbers": [getattr(one, field) for field in FIELDS[2:]],
    }


def _caption(found: tuple[ReviewedDay, ...], first: date, last: date) -> str:
    days = f"{first} till {last}" if first != last else f"{first}"
    return f"{days}. En rad för varje handläggare och dag." if found else f"{days}. Ingen har gjort något då."
