"""A message of a resident in the state machine: on the way, as the inbox keeps it, and as Telegram sends it."""

from dataclasses import dataclass
from typing import Any

from bot.channels.telegram_receiving import CHANNEL
from reliability.model import Said
from tests.fake_telegram import message, person

Key = tuple[str, str]
"""(channel, sender)."""


@dataclass(frozen=True)
class Posted:
    """A message on its way; its number is the page's message id, or the update's."""

    key: Key
    number: int
    said: Said

    @property
    def message_id(self) -> str:
        """How the channel calls it."""
        return str(self.number) if self.key[0] == CHANNEL else f"message-{self.number:09}"


def content_of(said: Said) -> dict[str, Any]:
    """A message as the inbox keeps it."""
    if said.kind == "start":
        return {"start": True, "municipality": None}
    name = {"tap": "choice", "text": "text"}.get(said.kind)
    return {name: said.value} if name else {"other": said.kind}


def update_of(posted: Posted) -> dict[str, Any]:
    """A message as Telegram sends it."""
    chat, said = int(posted.key[1]), posted.said
    content: dict[str, Any]
    if said.kind == "tap":
        query = {"id": str(posted.number), "from": person(chat), "chat_instance": "1", "data": said.value}
        content = {"callback_query": {**query, "message": message(chat, text="…")}}
    elif said.kind == "edited":
        content = {"edited_message": message(chat, text=said.value, edit_date=1)}
    elif said.kind == "media":
        content = {"message": message(chat, location={"longitude": 16.6, "latitude": 59.9})}
    else:
        content = {"message": message(chat, text="/start" if said.kind == "start" else said.value)}
    return {"update_id": posted.number, **content}
