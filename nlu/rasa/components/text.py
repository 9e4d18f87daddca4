"""Text before it is understood: cut to a safe length, cleaned, and folded for comparison.

The cleaning is the last guard before native code: a lone surrogate or a very long text must never
reach the embedding. What the words mean is left to the other components.
"""

import re
import unicodedata

LONGEST = 1000
"""Characters kept of a message; of a longer one its beginning and, above all, its end."""
_BEGINNING = 300
_SPLIT = " … "

# Controls, surrogates, bidi marks and other invisible characters; the zero-width joiner in emoji is no loss here.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u0640\u064b-\u0652\u0670\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffc\ud800-\udfff]"
)
_SPACE = re.compile(r"\s+")
_ALIKE = str.maketrans(
    {"ى": "ي", "ی": "ي", "ې": "ي", "ک": "ك", "ة": "ه", "ø": "o", "æ": "a", "ı": "i", "ł": "l", "ß": "s"}
)


def clean(text: str) -> str:
    """The text as NFC on one line, at most LONGEST characters, without invisible characters."""
    text = text[: 20 * LONGEST] if len(text) <= 40 * LONGEST else text[: 2 * LONGEST] + text[-18 * LONGEST :]
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    text = _SPACE.sub(" ", text).strip()
    if len(text) > LONGEST:
        text = text[:_BEGINNING] + _SPLIT + text[-(LONGEST - _BEGINNING - len(_SPLIT)) :]
    return text


def fold(text: str) -> str:
    """Lower case without diacritics, character for character: positions stay those of `text`."""
    return "".join(_fold_character(character) for character in text)


def shorten(text: str, longest: int) -> str:
    """At most `longest` characters for the embedding: a little of the beginning, more of the end."""
    if len(text) <= longest:
        return text
    beginning = longest // 3
    return text[:beginning] + _SPLIT + text[-(longest - beginning - len(_SPLIT)) :]


def _fold_character(character: str) -> str:
    if character.isascii():
        return character.lower()
    for part in unicodedata.normalize("NFKD", character.lower()):
        if not unicodedata.combining(part):
            return part.translate(_ALIKE)
    return character
