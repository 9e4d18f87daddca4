"""What a resident typed, made safe to read: hostile characters out, identity numbers out.

Used before anything else looks at a message. What is taken out here is not kept anywhere.
"""

import re
import unicodedata

from personnummer import personnummer

MAX_CHARACTERS = 4_000
"""Longer messages are answered with a request to shorten them; a form's own limit may be lower."""

_INVISIBLE = re.compile("[\u200b\u200c\u2060\ufeff\u00ad\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_NUMBER = re.compile(
    r"(?<![0-9])((?:19|20)?[0-9]{2})[-. ]?([01][0-9])[-. ]?([0-9]{2})( ?[-+./]? ?)([0-9]{2}) ?([0-9]{2})(?![0-9])",
    re.ASCII,
)


def clean(text: str) -> str:
    """NFC text without NUL, lone surrogates, control, bidi and zero-width characters; line breaks are kept."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    kept = (
        character if character in "\n\t" or unicodedata.category(character)[0] != "C" or character == "\u200d" else " "
        for character in text
    )
    return "".join(kept).strip()


def folded(text: str) -> str:
    """Lower case without diacritics, white space as single blanks: for comparing what people type."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(character for character in plain if not unicodedata.combining(character)).split())


def has_words(text: str) -> bool:
    """Whether there is any letter or digit to read."""
    return any(character.isalnum() for character in text)


def mask_personnummer(text: str) -> tuple[str, bool]:
    """The text without personnummer and samordningsnummer, and whether any was there.

    One that is mistyped (wrong check digit) is taken out too when it is written as only they are: with its hyphen, or
    with twelve digits.
    """
    found = False

    def mask(match: re.Match[str]) -> str:
        nonlocal found
        digits = re.sub(r"[^0-9]", "", match[0])
        written_as_one = "-" in match[4] or "+" in match[4] or len(digits) == 12
        if written_as_one or personnummer.valid(f"{digits[:-4]}-{digits[-4:]}"):
            found = True
            return "…"
        return match[0]

    masked = _NUMBER.sub(mask, unicodedata.normalize("NFKC", text).translate(_DASHES))
    return (masked, True) if found else (text, False)
