"""The staff's side as one application: its routes, its door, its headers and its error pages in one list.

HTML that works without JavaScript. It stands on storage (submissions, reviewers, audit, missed questions), forms and
brochures; it never sees a draft and never talks to the bot or the NLU. Serving it on a port of its own is left to
the caller.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from litestar import Litestar, Router, get
from litestar.datastructures import MutableScopeHeaders, State
from litestar.response import Redirect
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig
from litestar.types import Message, Scope

from brochures.lookup import Library, load_library
from forms.form import Form
from review.access import Door
from review.completion import ask_for_more
from review.desk import Desk
from review.error_pages import make_error_pages
from review.keeping import confirm_hand_over, hold, release
from review.labels import load_channels, load_event_texts, load_missed_reasons, load_statuses
from review.log_review import show_log_review
from review.missed_list import show_missed_questions
from review.pages import make_engine
from review.passwords import Passwords
from review.search import search_submissions
from review.sign_in import show_sign_in, sign_in, sign_out
from review.submission_list import show_list
from review.submission_page import add_note, change_status, show_submission
from review.welcome import accept_invitation, show_invitation
from storage.database import Database

STATIC = Path(__file__).parent / "static"
LARGEST_BODY = 64 * 1024
"""Bytes; the longest note is 4,000 characters, at most 12 bytes each when encoded for a form."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
}
HTTPS_ONLY: Mapping[str, str] = {"Strict-Transport-Security": "max-age=31536000"}


def utc_now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


def create_app(
    database: Database,
    forms: Mapping[str, Form],
    municipality_names: Mapping[str, str],
    *,
    session_secret: bytes,
    secure_cookies: bool,
    sign_in_note: str | None = None,
    clock: Callable[[], datetime] = utc_now,
    passwords: Passwords | None = None,
    library: Library | None = None,
) -> Litestar:
    """The review pages.

    `forms`: form id -> form, for the filter of the list; `municipality_names`: id -> name; `session_secret`:
    32 secret bytes; `secure_cookies`: True wherever the pages are reached over https; `sign_in_note`: a
    sentence for the sign-in page; `clock`: aware UTC time; `passwords`: other hashing costs than the usual
    ones; `library`: the brochures, for the names of topics and services (None: read here).
    """
    desk = Desk(
        database=database,
        forms=forms,
        municipality_names=municipality_names,
        library=library or load_library(),
        statuses=load_statuses(),
        missed_reasons=load_missed_reasons(),
        channels=load_channels(),
        event_texts=load_event_texts(),
        passwords=passwords or Passwords(),
        session_secret=session_secret,
        secure_cookies=secure_cookies,
        sign_in_note=sign_in_note,
        clock=clock,
    )
    headers = dict(HEADERS) | (dict(HTTPS_ONLY) if secure_cookies else {})

    async def add_headers(message: Message, _: Scope) -> None:
        if message["type"] == "http.response.start":
            MutableScopeHeaders.from_message(message).update(headers)

    # One router for all pages: the framework prepares handlers again for each further one registered on the same
    # address (2.25), and then never waits for the thread of the first.
    pages = Router(
        "/",
        route_handlers=[
            show_start,
            show_sign_in,
            sign_in,
            sign_out,
            show_invitation,
            accept_invitation,
            show_list,
            search_submissions,
            show_submission,
            change_status,
            add_note,
            ask_for_more,
            confirm_hand_over,
            hold,
            release,
            show_missed_questions,
            show_log_review,
        ],
    )
    files = create_static_files_router("/static", [STATIC], opt={"asset": True}, include_in_schema=False)
    return Litestar(
        route_handlers=[pages, files],
        middleware=[Door(desk)],
        before_send=[add_headers],
        exception_handlers=make_error_pages(),
        template_config=TemplateConfig(instance=make_engine()),
        state=State({"desk": desk}),
        request_max_body_size=LARGEST_BODY,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


@get("/", sync_to_thread=False)
def show_start() -> Redirect:
    """The list is the start page."""
    return Redirect("/inkommet", status_code=303)
