"""Cleaning of what people type, before anything reads or stores it.

Takes away what cannot be seen and can only do harm (control characters, lone surrogates, direction overrides,
zero-width characters) and nothing else: HTML, SQL, Jinja and Markdown stay as the characters they are.
"""

import re
import unicodedata

_JOINERS = "\u200c\u200d"
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_SEPARATORS = re.compile(r"[\W_]+")


def clean(text: str, *, lines: bool = False) -> str:
    """`text` in NFC without invisible characters, trimmed, runs of blanks made one.

    Line breaks are kept with `lines` (at most one empty line in a row), else they become blanks. A joiner
    survives between two characters that are not Latin, where emoji and some scripts need it. Cleaning twice
    changes nothing.
    """
    text = _LINE_ENDS.sub("\n", text)
    text = unicodedata.normalize("NFC", "".join(_visible(text)))
    text = re.sub(r"[^\S\n]+", " ", text)
    if not lines:
        return re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" ?\n ?", "\n", text)).strip()


def _visible(text: str) -> list[str]:
    kept: list[str] = []
    for position, character in enumerate(text):
        if character in _JOINERS:
            after = text[position + 1 : position + 2]
            if kept and _may_be_joined(kept[-1]) and _may_be_joined(after):
                kept.append(character)
        elif character in "\n\t":
            kept.append("\n" if character == "\n" else " ")
        elif not (_is_hidden(character) or character in _FILLERS):
            kept.append(character)
    return kept


def _is_hidden(character: str) -> bool:
    code = ord(character)
    if code < 0x7F:
        return code < 0x20
    noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return noncharacter or unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _may_be_joined(character: str) -> bool:
    return character > "\u02ff" and character not in _JOINERS and not _is_hidden(character)


def without_accents(text: str) -> str:
    """`text` in small letters without accents; blanks and punctuation stay ("Å, TVÅ" -> "a, tva")."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("ø", "o").replace("æ", "ae"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def fold(text: str) -> str:
    """`text` for comparing: as `without_accents`, words with one blank between ("Å, TVÅ" -> "a tva")."""
    return _SEPARATORS.sub(" ", without_accents(text)).strip()


def word_set(text: str) -> frozenset[str]:
    """The words of `text`, for tables of words that are easier to read without quotation marks."""
    return frozenset(text.split())


def has_letter_or_digit(text: str) -> bool:
    """Whether there is anything to read in `text`, in whatever script."""
    return any(character.isalnum() for character in text)
