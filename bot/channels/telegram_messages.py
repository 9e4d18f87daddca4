"""What Telegram shows: stored replies cut to its length, with buttons under the last piece; its command menu."""

from collections.abc import Iterator, Mapping
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import MessageLimit

from bot.turn import reply_from_json

COMMANDS = {
    "hjalp": "Vad jag kan göra",
    "manniska": "Prata med en människa",
    "tillbaka": "Ett steg tillbaka",
    "avbryt": "Avbryt formuläret",
    "mina": "Mina uppgifter och det jag har skickat in",
    "status": "Hur går det för det jag skickade in?",
    "sprak": "Svenska eller English",
    "borja_om": "Börja om",
}
GROUP_REFUSAL = "Jag svarar bara i privata chattar. Skriv till mig direkt, så att ingen annan läser."
SHORT_LABEL = 16
"""Buttons up to this length share a row with another."""


def messages(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A stored reply as arguments to `send_message`: cut to Telegram's length, the buttons under the last piece."""
    reply = reply_from_json(payload)
    pieces = list(cut(reply.full_text.encode("utf-8", "replace").decode()))  # half a character cannot be sent
    for number, piece in enumerate(pieces, start=1):
        buttons = keyboard([(choice.id, choice.label) for choice in reply.choices]) if number == len(pieces) else None
        yield {"text": piece, "reply_markup": buttons}


def cut(text: str, limit: int = MessageLimit.MAX_TEXT_LENGTH) -> Iterator[str]:
    """Pieces of at most `limit` UTF-16 units (Telegram's measure), cut at a line or a space where there is one."""
    while len(text.encode("utf-16-le")) // 2 > limit:
        head = text.encode("utf-16-le")[: limit * 2].decode("utf-16-le", "ignore")
        at = max(head.rfind("\n"), head.rfind(" "), len(head) // 2)
        yield text[:at].rstrip()
        text = text[at:].lstrip()
    yield text


def keyboard(choices: list[tuple[str, str]]) -> InlineKeyboardMarkup | None:
    """Inline buttons, short ones two in a row."""
    rows: list[list[InlineKeyboardButton]] = []
    room = False
    for choice_id, label in choices:
        button = InlineKeyboardButton(label, callback_data=choice_id)
        short = len(label) <= SHORT_LABEL
        if short and room:
            rows[-1].append(button)
            room = False
        else:
            rows.append([button])
            room = short
    return InlineKeyboardMarkup(rows) if rows else None
