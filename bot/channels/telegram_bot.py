"""The Bot API as this channel calls it: python-telegram-bot's `Bot`, with time limits for whole requests.

Nothing of a request or an answer reaches the log: the library would write messages, and httpx the token.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from telegram import Bot, LinkPreviewOptions, Update
from telegram.error import RetryAfter, TelegramError, TimedOut
from telegram.request import HTTPXRequest

UPDATES = (Update.MESSAGE, Update.EDITED_MESSAGE, Update.CALLBACK_QUERY, Update.MY_CHAT_MEMBER)
CONNECTIONS = 64

logger = structlog.get_logger()


class _Request(HTTPXRequest):
    """The library's requests; a read timeout limits the whole request, also one whose answer comes in drops."""

    async def do_request(self, *args: Any, **given: Any) -> tuple[int, bytes]:
        """The status and body of the answer. Raises TimedOut and other TelegramErrors."""
        limit = given.get("read_timeout")
        try:
            async with asyncio.timeout(limit if isinstance(limit, int | float) else self.read_timeout):
                return await super().do_request(*args, **given)
        except TimeoutError:
            raise TimedOut from None

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """As the library's, but what cannot be read is not written to the log: it may be somebody's message."""
        try:
            found: dict[str, Any] = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise TelegramError("an answer that is not JSON") from None
        return found


class TelegramBot(Bot):
    """What the channel asks of Telegram. Every method raises TelegramErrors."""

    def __init__(self, token: str, base_url: str) -> None:
        for name in ("httpx", "httpcore", "telegram"):
            logging.getLogger(name).setLevel(logging.WARNING)  # below it they write the token, or messages
        self._connections = (_Request(connection_pool_size=CONNECTIONS), _Request(connection_pool_size=1))
        super().__init__(
            token, base_url=base_url, request=self._connections[0], get_updates_request=self._connections[1]
        )

    async def raw_updates(self, offset: int | None, limit: int, poll: float, answer: float) -> list[dict[str, Any]]:
        """At most `limit` updates from `offset` on, as Telegram sends them; asking acknowledges those before it.

        `poll`: seconds to wait for one; `answer`: how much longer the request may take.
        """
        asked: dict[str, Any] = {"timeout": int(poll), "limit": limit, "allowed_updates": list(UPDATES)}
        if offset is not None:
            asked["offset"] = offset
        found = await self._post("getUpdates", asked, read_timeout=poll + answer)
        if not isinstance(found, list) or not all(isinstance(raw, dict) and "update_id" in raw for raw in found):
            raise TelegramError("an answer that is not a list of updates")
        return found

    async def send(self, chat: str, message: Mapping[str, Any], limit: float) -> None:
        """Send one message, without looking at its links. TimedOut after `limit` seconds: it may have arrived."""
        values = {"chat_id": chat, "link_preview_options": LinkPreviewOptions(is_disabled=True), **message}
        await self._post("sendMessage", values, read_timeout=limit)

    async def _post(self, *args: Any, **given: Any) -> Any:
        try:
            return await super()._post(*args, **given)
        except (KeyError, TypeError, AttributeError):
            raise TelegramError("an answer of an unknown shape") from None

    async def close_connections(self) -> None:
        """Give back every connection."""
        for connection in self._connections:
            await connection.shutdown()


def seconds_asked(error: RetryAfter) -> float:
    """How long Telegram wants to be left alone."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
