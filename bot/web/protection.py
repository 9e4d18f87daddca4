"""What stands in front of every route of the web chat: response headers, forged posts refused, request
limits.

Litestar's own rate limiter does the counting. There is no second cookie: a post must come from our own
page, shown by Sec-Fetch-Site or Origin, and the visit cookie is SameSite=Strict.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import PermissionDeniedException
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.middleware.rate_limit import RateLimitConfig, get_remote_address
from litestar.stores.memory import MemoryStore
from litestar.types import BeforeMessageSendHookHandler, Message, Scope

from bot.web.visit import Visits

Connection = ASGIConnection[Any, Any, Any, Any]

STATIC_PATH = "/static"
LIMITS_STORE = "limits"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
}
HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}
"""A year; sent only where the cookie is kept to HTTPS too."""


def headers_setter(*, https_only: bool) -> BeforeMessageSendHookHandler:
    """Litestar's `before_send` hook: security headers and caching rule on every response, errors too."""
    always = SECURITY_HEADERS | (HTTPS_ONLY if https_only else {})

    async def set_headers(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = MutableScopeHeaders.from_message(message)
        for name, value in always.items():
            headers[name] = value
        headers["Cache-Control"] = _caching(scope, message["status"])

    return set_headers


def _caching(scope: Scope, status: int) -> str:
    if not scope["path"].startswith(f"{STATIC_PATH}/") or status != 200:
        return "no-store"
    if scope["query_string"].startswith(b"v="):
        return "public, max-age=31536000, immutable"
    return "no-cache"


def from_our_page(connection: Connection, _: BaseRouteHandler) -> None:
    """Litestar guard for posts. Raises PermissionDeniedException unless our own page seems to send it."""
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    if site is not None:
        trusted = site in ("same-origin", "none")
    elif origin is not None and origin != "null":
        trusted = urlsplit(origin).netloc == connection.headers.get("host")
    else:
        # An old or a text browser tells neither; the form key and the cookie must then do.
        trusted = connection.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    if not trusted:
        raise PermissionDeniedException


def asked_by_another_site(connection: Connection) -> bool:
    """Whether a link on another site led here, so that the browser kept a Strict cookie back."""
    return connection.headers.get("sec-fetch-site") == "cross-site"


def sender_limit(visits: Visits, turns_a_minute: int) -> DefineMiddleware:
    """At most so many messages a minute from one sender."""

    def sender(request: Request[Any, Any, Any]) -> str:
        visit = visits.read(request.cookies)
        return f"sender {visit.sender}" if visit else f"unknown {get_remote_address(request)}"

    return _limit(turns_a_minute, sender)


def address_limit(requests_a_minute: int) -> DefineMiddleware:
    """At most so many requests of any kind a minute from one network address; residents may share one."""
    return _limit(requests_a_minute, lambda request: f"address {get_remote_address(request)}")


def _limit(a_minute: int, identifier: Callable[[Request[Any, Any, Any]], str]) -> DefineMiddleware:
    config = RateLimitConfig(rate_limit=("minute", a_minute), identifier_for_request=identifier, store=LIMITS_STORE)
    return config.middleware


@asynccontextmanager
async def limits_swept(app: Litestar) -> AsyncGenerator[None, None]:
    """Litestar lifespan: forgets the counters of senders who have gone, once a minute."""

    async def sweep(store: MemoryStore) -> None:
        while True:
            await asyncio.sleep(60)
            await store.delete_expired()

    store = app.stores.get(LIMITS_STORE)
    assert isinstance(store, MemoryStore)
    sweeping = asyncio.create_task(sweep(store))
    try:
        yield
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
