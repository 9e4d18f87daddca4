"""Reads a posted form: few fields, known names, one value each, cleaned text.

The framework's own reader keeps the latest thousand bodies in memory for speed, passwords and notes included,
so the body is read here instead. Size is limited before this by `request_max_body_size`.
"""

import unicodedata
from collections.abc import Mapping
from urllib.parse import parse_qsl

from litestar.exceptions import ClientException

from review.desk import StaffRequest

MOST_FIELDS = 20


async def read_form(request: StaffRequest) -> Mapping[str, str]:
    """Field name -> text of an URL-encoded body; nothing at all for an empty one.

    Raises ClientException (400) for another content type, too many fields, a repeated field or bytes that are
    not UTF-8.
    """
    body = await request.body()
    if body and request.content_type[0] != "application/x-www-form-urlencoded":
        raise ClientException("not a form")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise ClientException("unreadable form") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ClientException("repeated field")
    return {name: clean_text(text) for name, text in fields.items()}


def fields_of(request: StaffRequest, *names: str) -> tuple[str, ...]:
    """The posted values of exactly these fields, besides the form token. Raises ClientException (400)
    otherwise."""
    fields: Mapping[str, str] = request.state.form
    if set(fields) != {*names, "csrf"}:
        raise ClientException("unexpected fields")
    return tuple(fields[name] for name in names)


def clean_text(text: str) -> str:
    """NFC, plain line breaks, and without the control and direction characters that can disguise a text."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(character for character in text if character in "\n\t" or _is_harmless(character))


def _is_harmless(character: str) -> bool:
    """Control, surrogate and direction characters are not; the joiner inside emoji is."""
    if character in "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}":
        return True
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
