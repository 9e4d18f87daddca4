"""The door: who is asking, and did the request come from one of our own pages?

Every route needs a signed-in reviewer unless it says `opt={"open": True}` (or `"asset"`, for files that are
the same for everybody): a new page is closed until somebody opens it. Every unsafe method needs the form
token tied to the browser's cookie, and may not come from another site. Checking passwords is left to
`sign_in`, the sessions themselves to `storage.reviewers`.
"""

import hmac
import secrets
from urllib.parse import quote

from litestar.concurrency import sync_to_thread
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.middleware import ASGIMiddleware
from litestar.response import Redirect
from litestar.types import ASGIApp, Receive, Scope, Send

from review.desk import Desk, StaffRequest
from review.form_data import read_form
from storage import reviewers

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Door(ASGIMiddleware):
    """Puts the signed-in reviewer in `request.user` (None: nobody) and the form token in
    `request.state.form_token`.

    Raises NotAuthorizedException (401) and PermissionDeniedException (403) for requests that change
    something; sends a visitor who only wants to read to the sign-in page.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["route_handler"].opt.get("asset"):
            await next_app(scope, receive, send)
            return
        request: StaffRequest = scope["litestar_app"].request_class(scope, receive, send)
        is_open = bool(scope["route_handler"].opt.get("open"))
        session = request.cookies.get(self._desk.session_cookie, "")
        reviewer = await sync_to_thread(self._find_reviewer, session) if session else None
        scope["user"] = reviewer
        key = session if reviewer else request.cookies.get(self._desk.visit_cookie, "")
        request.state.form_token = self._desk.form_token(key) if key else ""
        if request.method in SAFE_METHODS:
            if reviewer is None and not is_open:
                answer = Redirect(f"/logga-in?till={quote(request.url.path, safe='')}", status_code=303)
                await answer.to_asgi_response(None, request)(scope, receive, send)
                return
        else:
            if reviewer is None and not is_open:
                raise NotAuthorizedException("signed out")
            refuse_foreign(request)
            request.state.form = await read_form(request)
            token = request.state.form.get("csrf", "")
            if not key or not hmac.compare_digest(token.encode(), request.state.form_token.encode()):
                raise PermissionDeniedException("form token")
        await next_app(scope, receive, send)

    def _find_reviewer(self, session: str) -> reviewers.Reviewer | None:
        return reviewers.session_reviewer(self._desk.database, session, self._desk.clock())


def refuse_foreign(request: StaffRequest) -> None:
    """Raises PermissionDeniedException when the browser says that another site made the request.

    Our pages send no referrer, and browsers then write `Origin: null`; such a request counts as ours only
    when `Sec-Fetch-Site` says so, which browsers send over https and to the machine itself.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site not in {None, "same-origin"}:
        raise PermissionDeniedException("another site")
    if origin == "null":
        if site != "same-origin":
            raise PermissionDeniedException("unknown origin")
    elif origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise PermissionDeniedException("another origin")


def visit_cookie(request: StaffRequest, desk: Desk) -> list[Cookie]:
    """The cookie that an open page with a form must set, and the form token to go with it, if there is none
    yet."""
    if request.state.form_token:
        return []
    value = secrets.token_urlsafe(32)
    request.state.form_token = desk.form_token(value)
    return [staff_cookie(desk, desk.visit_cookie, value)]


def staff_cookie(desk: Desk, name: str, value: str, *, remove: bool = False) -> Cookie:
    """A cookie of these pages: gone when the browser closes, never sent from other sites, never read by
    scripts."""
    return Cookie(
        key=name,
        value=value,
        path="/",
        max_age=0 if remove else None,
        secure=desk.secure_cookies,
        httponly=True,
        samesite="strict",
    )
