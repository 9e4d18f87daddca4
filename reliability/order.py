"""Runs the state machine of `machine` as often as one likes, with new examples each time."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bot.dialogue import Dialogue
from reliability.ground import ground
from reliability.machine import Conversations

STEPS = 40


@dataclass(frozen=True)
class MachineFigures:
    """What was run. `differences`: runs that did not do as the model says; the first of them ends it."""

    at: datetime
    version: str
    runs: int
    steps: int
    sent_in: int
    differences: int
    seconds: float


def run(
    runs: int, *, same: bool = False, steps: int = STEPS, dialogue: Callable[[Dialogue], Any] = lambda real: real
) -> MachineFigures:
    """At least so many runs of at most so many steps. `same`: the same examples each time, for a test.

    `dialogue` may put something in front of the real one, to see that it is found out.

    Raises what the first run raised that differed, as hypothesis tells it.
    """
    began, at = time.monotonic(), datetime.now(UTC)
    chosen = settings(
        max_examples=runs, stateful_step_count=steps, deadline=None, database=None, derandomize=same,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate,) if same else (Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
    )  # fmt: skip
    with ground() as shared:
        shared.dialogues = dialogue(shared.dialogues[0]), dialogue(shared.dialogues[1])
        machine = type("Conversations", (Conversations,), {"ground": shared})
        run_state_machine_as_test(machine, settings=chosen)
        seconds = time.monotonic() - began
        version = f"SQLite {sqlite3.sqlite_version}"
        return MachineFigures(at, version, shared.runs, shared.steps, shared.sent_in, 0, seconds)
