"""What the dialogue needs to hand a form on to guardians. Put together where the parts are; others only ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from storage import batons
from storage.batons import Baton
from storage.database import Database


@dataclass(frozen=True)
class BatonTools:
    """Batons as the dialogue meets them."""

    find: Callable[[str, datetime], Baton | None]
    """Token -> the baton as it is at that time, or None."""
    address: str
    """Where the web chat is, without a slash at the end: links, sheets and blanketter are under it."""
    days: int = 14
    """How long a guardian's link works."""


def baton_tools(database: Database, address: str, days: int) -> BatonTools:
    """The batons of a database; `address` is where residents reach the web chat."""
    return BatonTools(find=partial(batons.find, database), address=address, days=days)
