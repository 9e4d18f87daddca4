"""What has come to a submission after it was sent in, in words: requests, additions, and how the guardians answered."""

from collections.abc import Sequence
from typing import Any

from review.history import Names
from review.labels import load_added_kinds, load_link_states, stockholm_iso, stockholm_time
from storage.additions import Added, Request
from storage.batons import Link

Row = dict[str, Any]


def requests_of(names: Names, requests: Sequence[Request]) -> list[Row]:
    """What staff have asked for, oldest first, and whether it is answered."""
    return [
        {
            "at": stockholm_time(request.asked_at),
            "iso": stockholm_iso(request.asked_at),
            "who": names.of(request.actor),
            "text": request.text,
            "answered": stockholm_time(request.answered_at) if request.answered_at else None,
        }
        for request in requests
    ]


def added_of(additions: Sequence[Added]) -> list[Row]:
    """What residents have added, oldest first."""
    kinds = load_added_kinds()
    return [
        {
            "at": stockholm_time(added.added_at),
            "iso": stockholm_iso(added.added_at),
            "kind": kinds.get(added.kind, added.kind),
            "by": added.by,
            "text": added.text,
        }
        for added in additions
    ]


def guardians_of(links: Sequence[Link]) -> list[Row]:
    """How far each guardian has come with what was handed over to them; empty when nothing was."""
    states = load_link_states()
    return [
        {
            "called": link.called,
            "name": link.name,
            "state": states.get(link.state, link.state),
            "at": stockholm_time(at) if (at := link.answered_at or link.opened_at) else None,
            "reminded": stockholm_time(link.reminded_at) if link.reminded_at and not link.answered_at else None,
        }
        for link in links
    ]
