"""The numbered steps of a turn at which a process can be killed, and the killing itself, inside that process.

A step is reached when the database, a site or Telegram's library gets there. Nothing in Kontakt knows of it: what is
watched is the libraries' own events (see `launcher`).
"""

import os
import random
import re
import signal
import threading
import time
from collections.abc import Mapping

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

RANDOM = "at a random moment"
STARTING = "while it starts"
STEPS: tuple[str, ...] = (
    "web: a message has come",
    "web: before the turn's commit",
    "web: during the turn's commit",
    "web: after the turn's commit",
    "web: before the answer",
    "web: after the answer",
    "telegram: before the inbox's commit",
    "telegram: during the inbox's commit",
    "telegram: after the inbox's commit",
    "telegram: before the acknowledgement",
    "telegram: after the acknowledgement",
    "telegram: before the turn's commit",
    "telegram: during the turn's commit",
    "telegram: after the turn's commit",
    "telegram: before a reply is sent",
    "telegram: after a reply is sent",
    "telegram: before the outbox's commit",
    "telegram: after the outbox's commit",
    "submission: before its commit",
    "submission: during its commit",
    "submission: after its commit",
    "lease: before its commit",
    "lease: after its commit",
    STARTING,
    RANDOM,
)
"""In the order of their numbers, from 1."""
SELDOM = frozenset(step for step in STEPS if step.startswith(("submission", "lease")))
"""Reached only now and then."""
DURING_SECONDS = 0.003
"""The longest from a commit's beginning to a kill "during" it."""

_WRITTEN = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)
_WHERE = {"leases": "lease", "conversations": "turn", "inbox": "inbox", "outbox": "outbox"}
"""What a transaction is, by the first of these tables that it has written."""


class Killer:
    """Ends this very process, with SIGKILL, when `step` is reached for the `nth` time."""

    def __init__(self, step: str, nth: int, choose: random.Random) -> None:
        self._step, self._left, self._choose = step, nth, choose
        self._lock = threading.Lock()

    def reached(self, step: str) -> None:
        """The process has come to a step."""
        if step != self._step:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._end("during" in step)

    def _end(self, later: bool) -> None:
        if not later:
            os.kill(os.getpid(), signal.SIGKILL)
        wait = self._choose.uniform(0, DURING_SECONDS)

        def end() -> None:
            time.sleep(wait)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=end, daemon=True).start()


class Transactions:
    """What each thread's transaction has written so far, and so which step its commit is."""

    def __init__(self, killer: Killer) -> None:
        self._killer = killer
        self._here = threading.local()

    def watch(self) -> None:
        """From now on in every engine of this process."""
        event.listen(Engine, "begin", self._begin)
        event.listen(Engine, "before_cursor_execute", self._execute)
        event.listen(Engine, "commit", self._before_commit)
        event.listen(Session, "after_commit", self._after_commit)

    def _begin(self, connection: Connection) -> None:
        self._here.tables, self._here.channel, self._here.kinds = set(), "web", []

    def _execute(self, connection: Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if found := _WRITTEN.match(statement):
            self._here.tables.add(found[1].lower())
            values = tuple(parameters.values()) if isinstance(parameters, Mapping) else parameters
            if isinstance(values, tuple) and "telegram" in values:
                self._here.channel = "telegram"

    def _before_commit(self, connection: Connection) -> None:
        tables: set[str] = getattr(self._here, "tables", set())
        kind = next((kind for table, kind in _WHERE.items() if table in tables), None)
        names = []
        if kind == "lease":
            names.append("lease: {} its commit")
        elif kind is not None:
            channel = "telegram" if kind == "outbox" else self._here.channel
            names.append(f"{channel}: {{}} the {kind}'s commit")
        if "submissions" in tables:
            names.append("submission: {} its commit")
        self._here.kinds = names
        for name in names:
            self._killer.reached(name.format("before"))
            self._killer.reached(name.format("during"))

    def _after_commit(self, session: Session) -> None:
        names, self._here.kinds = getattr(self._here, "kinds", []), []
        for name in names:
            self._killer.reached(name.format("after"))
