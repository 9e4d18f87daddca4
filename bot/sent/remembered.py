"""What a conversation remembers of what it has sent in: the references, and answers that a next application can reuse.

Plain values, sealed with the conversation's state. What was sent in itself is the municipality's and is in `storage`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_SENT = 20
"""So many of what a conversation has sent in are listed; older ones are found by reference and code."""
MOST_COPIES = 3


@dataclass(frozen=True)
class Sent:
    """Something that was sent in from here, or that was found here by its reference and code. `day`: ISO, Swedish."""

    reference: str
    form_id: str
    day: str


@dataclass(frozen=True)
class Copy:
    """The answers about the one who sent in, for a sibling's application or a new one; `token`: the sent draft's.

    `until`: the last day (ISO) on which it is kept; None: as long as the conversation.
    """

    token: str
    form_id: str
    answers: Mapping[str, Any]
    given: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    until: str | None = None


def with_sent(known: tuple[Sent, ...], new: Sent) -> tuple[Sent, ...]:
    """The list with one more at its end, each reference once."""
    return (*(one for one in known if one.reference != new.reference), new)[-MOST_SENT:]


def with_copy(known: tuple[Copy, ...], new: Copy) -> tuple[Copy, ...]:
    """The copies with a new one: the latest of each form."""
    return (*(one for one in known if one.form_id != new.form_id), new)[-MOST_COPIES:]


def sent_from_json(data: Any) -> tuple[Sent, ...]:
    """As it is stored; nothing for a state from before it was kept."""
    return tuple(Sent(**one) for one in data or ())


def copies_from_json(data: Any) -> tuple[Copy, ...]:
    """As they are stored; nothing for a state from before they were kept."""
    return tuple(Copy(**one) for one in data or ())
