"""Finds web addresses, mail addresses and telephone numbers in a reply, so that the page can make links
of them.

The text itself is never changed and never read as HTML or Markdown; only http, https, mailto and tel
links come out.
"""

import re
from dataclasses import dataclass

_MINIMAL_DIGITS = 8
"""Shorter runs of digits are opening hours, years or amounts, not telephone numbers."""

_LINK = re.compile(
    r"""
    (?P<web>\bhttps?://[^\s<>"'\\]*[^\s<>"'\\.,;:!?)\]])
    | (?P<mail>(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}(?![\w@-]))
    | (?P<short>(?<![\w+.,-])(?:112|1177|11\ ?4\ ?14|114\ 14|113\ 13|116\ ?111|116\ ?123|116\ ?000)
        (?![\d-]|\ \d|[.,:]\d|\ ?(?:kr|kronor|%|procent|år|SEK)\b))
    | (?P<phone>(?<![\w+.,-])(?:\+\d{1,3}[\ -]?(?:\(0\))?\d{1,3}|0\d{1,3})
        [\ -]?\d{2,8}(?:[\ ]\d{2,4}){0,4}(?![\d-]))
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Part:
    """A stretch of text; `href` is set where it is a link."""

    text: str
    href: str | None = None


def split(text: str) -> tuple[Part, ...]:
    """`text` in parts that together are exactly `text`, links apart from the rest."""
    parts: list[Part] = []
    done = 0
    for match in _LINK.finditer(text):
        href = _href(match)
        if href is None:
            continue
        if match.start() > done:
            parts.append(Part(text[done : match.start()]))
        parts.append(Part(match.group(), href))
        done = match.end()
    if done < len(text):
        parts.append(Part(text[done:]))
    return tuple(parts)


def _href(match: re.Match[str]) -> str | None:
    found = match.group()
    if match["web"]:
        return found
    if match["mail"]:
        return f"mailto:{found}"
    digits = re.sub(r"\(0\)|[^0-9+]", "", found)
    if match["phone"] and len(digits) < _MINIMAL_DIGITS:
        return None
    return f"tel:{digits}"
