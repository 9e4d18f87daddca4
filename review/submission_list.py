"""The list of submissions: reference, form, municipality, time, status, channel, language. Never an answer,
never a name.

There is no search in what people have written: case handling may be searched by name and number only, which is in
`search`.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import get
from litestar.response import Template

from forms.form import in_language
from review.desk import Desk, StaffRequest, desk_of
from review.labels import language_name, stockholm_iso, stockholm_time
from review.pages import chosen_filter, page
from storage import submissions
from storage.submissions import SubmissionSummary

PAGE_LENGTH = 50


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; None is "all"."""

    status: str | None = None
    form_id: str | None = None
    municipality: str | None = None

    @property
    def any(self) -> bool:
        """Whether the list is narrowed at all."""
        return any((self.status, self.form_id, self.municipality))

    def address(self, page_number: int) -> str:
        """The address of one page of this list."""
        fields = {
            "status": self.status,
            "formular": self.form_id,
            "kommun": self.municipality,
            "sida": page_number,
        }
        return "/inkommet?" + urlencode({name: value for name, value in fields.items() if value})


@get("/inkommet", sync_to_thread=True)
def show_list(request: StaffRequest) -> Template:
    """One page of submissions, newest first. Unknown filter values and page numbers fall back to everything
    and 1."""
    desk = desk_of(request)
    filters = Filters(
        status=chosen_filter(request, "status", desk.statuses),
        form_id=chosen_filter(request, "formular", desk.forms),
        municipality=chosen_filter(request, "kommun", desk.municipality_names),
    )
    narrowed: dict[str, Any] = {
        "status": filters.status,
        "form_id": filters.form_id,
        "municipality": filters.municipality,
    }
    number = submissions.count(desk.database, **narrowed)
    pages = max(1, -(-number // PAGE_LENGTH))
    current = min(_page_number(request.query_params.get("sida")), pages)
    found = submissions.listing(desk.database, **narrowed, limit=PAGE_LENGTH, offset=(current - 1) * PAGE_LENGTH)
    return page(
        request,
        "list.html",
        here="list",
        rows=[heading(desk, summary) for summary in found],
        caption=_caption(number, filters.any),
        chosen=filters,
        statuses={status: texts.label for status, texts in desk.statuses.items()},
        form_titles={form_id: in_language(form.title, "sv") for form_id, form in desk.forms.items()},
        municipality_names=desk.municipality_names,
        page=current,
        pages=pages,
        earlier=filters.address(current - 1),
        later=filters.address(current + 1),
    )


def heading(desk: Desk, summary: SubmissionSummary) -> dict[str, str]:
    """A summary in words: what the list shows of each submission, and what stands above an opened one."""
    status = desk.statuses[summary.status]
    municipality = summary.municipality
    return {
        "reference": summary.reference,
        "form_title": summary.form_title,
        "municipality": desk.municipality_names.get(municipality, municipality) if municipality else "Inte angiven",
        "received": stockholm_time(summary.received_at),
        "received_iso": stockholm_iso(summary.received_at),
        "status": status.label,
        "status_id": summary.status,
        "tone": status.tone,
        "channel": desk.channels.get(summary.channel, summary.channel),
        "language": language_name(summary.language),
        "language_code": summary.language,
    }


def _page_number(text: str | None) -> int:
    """1 for anything that is no page number."""
    return max(1, int(text)) if text and re.fullmatch("[0-9]{1,6}", text) else 1


def _caption(number: int, narrowed: bool) -> str:
    if number == 0:
        return "Inga formulär passar filtret." if narrowed else "Inga formulär har kommit in än."
    order = " Det senaste står först." if number > 1 else ""
    return f"{number} formulär {'passar filtret' if narrowed else 'har kommit in'}.{order}"
