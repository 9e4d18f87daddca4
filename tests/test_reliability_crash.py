"""The service killed at steps of a turn over one database, briefly; and that what is compared afterwards would show."""

import random
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.dialogue import Dialogue
from bot.turn import Turn
from reliability import crash, steps
from reliability.checks import KINDS, Findings, examine
from reliability.lines import Heard, Sent, Wanted
from reliability.residents import Conversation, Resident
from reliability.service import Place
from storage import deliveries
from storage.database import Database

FEW = {"sqlite": steps.STEPS[::2][:12], "postgresql": steps.STEPS[3::4][:6]}


@pytest.mark.parametrize("database", FEW)
def test_killed_at_steps_of_a_turn_nothing_is_lost_and_nothing_twice(database: str, nlu_process: Path) -> None:
    wanted = FEW[database]
    figures = crash.run(database, len(wanted), 7, steps=wanted, residents=8, hurry=True, nlu=nlu_process)
    assert figures.findings.lines == []
    assert figures.problems == []
    assert sum(figures.kills.values()) == len(wanted)
    assert sum(figures.kills[step] for step in wanted) >= len(wanted) - 2, figures.kills
    assert min(figures.turns["web"], figures.turns["telegram"], figures.findings.messages) > 0
    assert figures.findings.drafts > 0


# -- what is compared afterwards: it must show what is wrong ---------------------------------------------------------


class DirectLine:
    """A resident at the dialogue itself; ends the talk when a form is sent in."""

    channel, sender = "web", "resident"

    def __init__(self, dialogue: Dialogue, stop: threading.Event) -> None:
        self.sent: list[Sent] = []
        self._dialogue, self._stop = dialogue, stop

    def ask(self, said: Mapping[str, str], wanted: Wanted) -> Heard:
        self.sent.append(Sent(f"message-{len(self.sent)}", acknowledged=True))
        response = self._dialogue.respond(
            Turn(self.channel, self.sender, self.sent[-1].message_id, text=said.get("text"), choice=said.get("choice"))
        )
        if response.submission:
            self._stop.set()
        heard = [Heard(reply.text, tuple((c.id, c.label) for c in reply.choices)) for reply in response.replies]
        return next(reply for reply in heard if wanted(reply))

    def tell(self, said: Mapping[str, str]) -> None:
        self.ask(said, lambda heard: True)

    def hang_up(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def talked(dialogue: Dialogue) -> list[Conversation]:
    """What somebody said who has sent in a form and begun another."""
    stop = threading.Event()
    resident = Resident(crash.world(), lambda: DirectLine(dialogue, stop), random.Random(3), stop)
    resident.run()
    assert resident.problems == []
    return resident.conversations


def _nothing(talked: list[Conversation], database: Database) -> None:
    """All is as it should be."""


def _lost(talked: list[Conversation], database: Database) -> None:
    talked[-1].line.sent.append(Sent("never-stored", acknowledged=True))


def _other_answers(talked: list[Conversation], database: Database) -> None:
    filling = talked[-1].fillings[-1]
    filling.answers = {**filling.answers, next(iter(filling.answers)): "något annat"}


def _double(talked: list[Conversation], database: Database) -> None:
    talked[-1].fillings.pop()


def _false_receipt(talked: list[Conversation], database: Database) -> None:
    talked[-1].fillings[-1].token = "ANNATFORM2"


def _no_receipt(talked: list[Conversation], database: Database) -> None:
    talked[-1].fillings[-1].reference = None


def _waiting(talked: list[Conversation], database: Database) -> None:
    deliveries.receive(database, "telegram", "1", {"text": "hej"}, datetime.now(UTC), sender="1")


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        (_nothing, set()),
        (_lost, {KINDS[0]}),
        (_other_answers, {KINDS[2]}),
        (_double, {KINDS[3]}),
        (_false_receipt, {KINDS[1], KINDS[3], KINDS[4]}),
        (_no_receipt, {KINDS[5]}),
        (_waiting, {KINDS[6]}),
    ],
)
def test_a_difference_shows(
    wrong: Callable[[list[Conversation], Database], None],
    shown: set[str],
    talked: list[Conversation],
    database: Database,
    tmp_path: Path,
) -> None:
    wrong(talked, database)
    found = Findings()
    examine(Place(tmp_path, f"sqlite:///{tmp_path / 'kontakt.db'}", 0, 0), crash.world(), talked, 0, found)
    assert set(found.differences) == shown, found.lines
    assert found.submissions + (wrong in (_double, _false_receipt)) == 1
