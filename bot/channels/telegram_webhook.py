"""The webhook: Telegram posts updates here instead of being asked for them; each is in the inbox before it is answered.

A plain ASGI application for one path, `in_front_of` the site that has the rest; and the task of the leading process
to see that Telegram knows the address.
"""

import asyncio
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from bot.channels.telegram_bot import UPDATES, TelegramBot
from bot.channels.telegram_leading import Lease
from bot.channels.telegram_pace import Pace
from storage.database import DatabaseError

LARGEST_BODY: Final = 1024 * 1024
BODY_SECONDS = 5.0
RETRY_SECONDS = b"5"
SECRET_HEADER: Final = b"x-telegram-bot-api-secret-token"
SECRET: Final = re.compile(r"[A-Za-z0-9_-]{32,256}")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
logger = structlog.get_logger()


class Webhook:
    """Where Telegram posts updates: `url` is its public address, `secret` what it must name each time."""

    def __init__(self, url: str, secret: str) -> None:
        """Raises ValueError, which does not quote them, for an address or a secret that Telegram would not take."""
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("the webhook's address is not one: https://…, without ? and #")
        if not SECRET.fullmatch(secret):
            raise ValueError("the webhook's secret must have 32 to 256 of these characters: A-Z a-z 0-9 _ -")
        self.url = url
        self._path = parts.path or "/"
        self._secret = secret
        self._take: Callable[[dict[str, Any]], Awaitable[None]] | None = None

    def connect(self, take: Callable[[dict[str, Any]], Awaitable[None]] | None) -> None:
        """Give every update to `take`; with None, Telegram is asked to try again later."""
        self._take = take

    async def register(self, bot: TelegramBot) -> None:
        """Tell Telegram the address; what waits there is kept. Raises TelegramError."""
        await bot.set_webhook(
            self.url, allowed_updates=list(UPDATES), drop_pending_updates=False, secret_token=self._secret
        )

    def in_front_of(self, site: Asgi) -> Asgi:
        """An application that answers the webhook's path itself and leaves everything else to `site`."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            mine = scope["type"] == "http" and scope["path"] == self._path
            await (self if mine else site)(scope, receive, send)

        return application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of an ASGI server. The answer has no body: nothing that was sent comes back."""
        status = await self._status(scope, receive)
        headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
        if status == 503:
            headers.append((b"retry-after", RETRY_SECONDS))
        if status == 408:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _status(self, scope: Scope, receive: Receive) -> int:
        if scope["method"] != "POST":
            return 405
        if not self._knows_the_secret(scope["headers"]):
            return 403
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            return 408
        if body is None:
            return 413
        if (update := _update(body)) is None:
            return 400
        if self._take is None:
            return 503
        try:
            await self._take(update)
        except DatabaseError as error:
            logger.warning("telegram.database_unavailable", loop="webhook", error=type(error).__name__)
            return 503
        return 200

    def _knows_the_secret(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        given = [value for name, value in headers if name.lower() == SECRET_HEADER]
        return hmac.compare_digest(given[0] if len(given) == 1 else b"", self._secret.encode())


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None for one that is too large, which is read to its end and not kept."""
    body, size, more = b"", 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return b""
        part: bytes = event.get("body", b"")
        size += len(part)
        body = body + part if size <= LARGEST_BODY else b""
        more = event.get("more_body", False)
    return body if size <= LARGEST_BODY else None


def _update(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    number = found.get("update_id") if isinstance(found, dict) else None
    return found if isinstance(number, int) and not isinstance(number, bool) else None


class Registration:
    """Telegram told the webhook's address by the process that leads, and told again when it has forgotten it."""

    def __init__(self, bot: TelegramBot, webhook: Webhook, lease: Lease, pace: Pace) -> None:
        self._bot, self._webhook, self._lease, self._pace = bot, webhook, lease, pace
        self._told = False

    async def once(self) -> float:
        """See that Telegram knows the address. Raises TelegramError. Returns when to look again."""
        while not self._lease.held:
            await asyncio.sleep(self._pace.idle)
        if self._told:
            known = await self._bot.get_webhook_info()
            if known.url == self._webhook.url:
                return self._pace.webhook_check
            logger.warning("telegram.webhook_lost")
        await self._webhook.register(self._bot)
        self._told = True
        return self._pace.webhook_check
