"""What a page without script has posted: an URL-encoded body, read without keeping it anywhere.

Litestar's own reader keeps the latest bodies in memory, and answers are in them.
"""

from urllib.parse import parse_qsl

from litestar.exceptions import ClientException, HTTPException

FORM_BYTES = 1024 * 1024
"""A form escapes every å as six bytes, so the same text is larger in it."""
MOST_FIELDS = 10


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
