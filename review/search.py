"""Finding what has come in by name, personnummer or samordningsnummer, reference or case number, and by nothing else.

What is typed comes in the body of a posted form and goes nowhere but to the look-up: not into an address, a title, the
log or the audit trail, and not back onto the page. What was found is shown as in the list.
"""

from typing import Any, Final

from litestar import post
from litestar.response import Template

from forms.identities import number_in
from review.desk import StaffRequest, desk_of
from review.form_data import fields_of
from review.labels import STOCKHOLM
from review.pages import page
from review.submission_list import heading
from storage import search
from storage.search import Found

LONGEST: Final = 100
"""Characters: more than any name in one form."""
MOST_SHOWN: Final = 100


@post("/inkommet", status_code=200, sync_to_thread=True)
def search_submissions(request: StaffRequest) -> Template:
    """What was found, newest first. A field that is empty or too long is told of (400), and nothing is looked for."""
    desk = desk_of(request)
    (text,) = (field.strip() for field in fields_of(request, "sok"))
    if not text or len(text) > LONGEST:
        problem = f"Skriv högst {LONGEST} tecken." if text else "Skriv vad du söker."
        return _page(request, status=400, problem=problem)
    at = desk.clock()
    number = number_in(text, at.astimezone(STOCKHOLM).date())
    actor = request.user.username
    found = search.find(desk.database, text, number=number, actor=actor, at=at, limit=MOST_SHOWN)
    rows = [heading(desk, summary) for summary in found.summaries]
    return _page(request, rows=rows, caption=_caption(found), owed=_owed(found))


def _page(request: StaffRequest, status: int = 200, **context: Any) -> Template:
    nothing: dict[str, Any] = {"rows": [], "caption": None, "owed": None, "problem": None}
    return page(request, "search.html", status=status, here="list", **nothing | context)


def _caption(found: Found) -> str:
    if found.number == 0:
        return "Inget formulär hittades."
    if found.number > len(found.summaries):
        shown = len(found.summaries)
        return f"{found.number} formulär hittades. Här är de {shown} senaste. Sök på hela namnet för att få färre."
    return f"{found.number} formulär hittades.{' Det senaste står först.' if found.number > 1 else ''}"


def _owed(found: Found) -> str | None:
    """The honest part, while look-ups are still made of what came in before there were any."""
    if not found.owed:
        return None
    return f"{found.owed} äldre formulär är inte med i sökningen än. De hittas bara med sin referens."
