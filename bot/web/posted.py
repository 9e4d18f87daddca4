"""What a page has posted: the script's JSON, or the URL-encoded body of a page without script, read without keeping
it anywhere.

Litestar's own reader keeps the latest bodies in memory, and answers are in them.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from litestar.exceptions import ClientException, HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORM_BYTES = 1024 * 1024
"""A form escapes every å as six bytes, so the same text is larger in it."""
MOST_FIELDS = 10


class Sent(BaseModel):
    """The id of a message that a page has sent; it is the same when the message is sent again."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    message_id: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")


class Message(Sent):
    """What the page sends: a text or a choice."""

    text: str | None = None
    choice: str | None = Field(default=None, max_length=256)


Posted = TypeVar("Posted", bound=Sent)


def posted_fields(body: bytes) -> dict[str, str]:
    """A posted form's fields, each once.

    Raises ClientException (400) for more fields than any page has, and HTTPException (422) for a repeated one.
    """
    try:
        pairs = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise ClientException from error
    if len(fields := dict(pairs)) != len(pairs):
        raise HTTPException(status_code=422)
    return fields


def json_object(body: bytes) -> dict[str, Any]:
    """Raises ClientException (400) for what is not JSON and HTTPException (422) for what is not an object."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ClientException from error
    if not isinstance(data, dict):
        raise HTTPException(status_code=422)
    return data


def message_of(data: Mapping[str, Any]) -> Message:
    """Raises HTTPException (422) for unknown fields, wrong types, and neither or both of text and choice."""
    cleaned = {name: _whole(value) if isinstance(value, str) else value for name, value in data.items()}
    message = _checked(Message, cleaned)
    if (message.text is None) == (message.choice is None):
        raise HTTPException(status_code=422)
    return message


def message_id_of(data: Mapping[str, Any]) -> str:
    """The id where nothing else may be sent. Raises HTTPException (422)."""
    return _checked(Sent, data).message_id


def _checked(model: type[Posted], data: Mapping[str, Any]) -> Posted:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise HTTPException(status_code=422) from error


def _whole(text: str) -> str:
    """Halves of surrogate pairs become replacement characters: no encoding can carry them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
