"""The crash harness: the service killed again and again over one database, while residents fill in forms on it."""

import random
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import psycopg

from bot.channels.telegram_pace import Pace
from bot.wording import load_wordings
from brochures.lookup import load_library
from forms.loader import load_forms
from installation import FORMS
from reliability.checks import Findings, as_an_operator_would, examine, integrity
from reliability.lines import Answers, TelegramLine, WebLine
from reliability.residents import Conversation, Resident, World
from reliability.service import QUICK_LEASE, SHORT_LEASE, Life, Lives, Place, nlu_running, place_for
from reliability.steps import RANDOM, SELDOM, STARTING, STEPS
from storage import deliveries
from storage.database import Database
from tests.fake_telegram import FakeTelegram

RESIDENTS = 20
FIRST_CHAT = 1_000_000
LONGEST_LIFE = 20.0
"""Seconds; a step that is not reached by then is left, and the kill counted as one at a random moment."""
FRESH_EVERY = 10
"""Every so many lives begin in a new interpreter, as an ordinary restart does."""
FORKED, FRESH = "in a fork", "in a new interpreter"
ORDINARY = "in a new interpreter, ordinary lease"
WEB_PAUSE = 1.0
"""Seconds on average before a message in the web chat: those in Telegram wait for each other's sends anyway."""
LOOK_EVERY = 20
"""After so many kills a copy of the SQLite files is checked as they lie there, before anything opens them."""
DRAIN_SECONDS = 300.0


@dataclass
class CrashFigures:
    """What one run of the harness was and what it found."""

    database: str
    version: str
    at: datetime
    seconds: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    """Step -> how often the service was killed there."""
    findings: Findings = field(default_factory=Findings)
    problems: list[str] = field(default_factory=list)
    """What a resident met that they should not have."""
    turns: dict[str, int] = field(default_factory=dict)
    restarts: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """(how it was started, channel) -> seconds from a kill to the next answered turn, each time."""
    copies_checked: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing at all was found."""
        return not self.findings.differences and not self.problems


@dataclass
class Crowd:
    """All residents, each in a thread of their own."""

    residents: list[Resident]
    stop: threading.Event
    threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """They start talking."""
        self.threads = [threading.Thread(target=one.run, daemon=True) for one in self.residents]
        for thread in self.threads:
            thread.start()

    def end(self, seconds: float) -> bool:
        """They finish what they are saying. Whether all did, in so many seconds."""
        self.stop.set()
        deadline = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)

    @property
    def talked(self) -> list[Conversation]:
        """Every conversation there was."""
        return [conversation for one in self.residents for conversation in one.conversations]

    @property
    def problems(self) -> list[str]:
        """What they met that they should not have."""
        return [problem for one in self.residents for problem in one.problems]


def world() -> World:
    """The forms as they are, each municipality's own, on both channels."""
    places = {place.id: place.forms for place in load_library().municipalities if place.forms}
    return World(load_forms(FORMS), {"web": places, "telegram": places}, load_wordings()["sv"])


def crowd(
    place: Place, fake: FakeTelegram, answers: Answers, seed: int, number: int = RESIDENTS, pause: float | None = None
) -> Crowd:
    """So many residents, every other one on the web and in Telegram; `pause` seconds before each message."""
    shared, stop = world(), threading.Event()
    numbers = iter(range(1, 1_000_000))
    lock = threading.Lock()

    def resident(index: int) -> Resident:
        choose = random.Random(f"{seed} {index}")

        def open_line() -> WebLine | TelegramLine:
            with lock:
                next_one = next(numbers)
            if index % 2:
                return TelegramLine(fake, FIRST_CHAT + next_one, choose, answers.answered)
            away = shared.say("out.database_away").split(".")[0]
            return WebLine(place.web_port, next_one, choose, answers.answered, away)

        own = pause if pause is not None else 0.0 if index % 2 else WEB_PAUSE
        return Resident(shared, open_line, choose, stop, own)

    return Crowd([resident(index) for index in range(number)], stop)


def plan(kills: int, choose: random.Random, steps: Sequence[str] = STEPS) -> list[tuple[str, int]]:
    """Each step in turn, and at which of its occurrences in a life to kill there."""
    return [(step, choose.randint(1, 2 if step in SELDOM else 4)) for step in islice(cycle(steps), kills)]


def run(
    database: str, kills: int, seed: int, *, steps: Sequence[str] = STEPS, residents: int = RESIDENTS,
    ordinary: int = 0, told: "Progress | None" = None, hurry: bool = False, nlu: Path | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> CrashFigures:  # fmt: skip
    """Kill the service so many times over one new database of the kind, and examine everything afterwards.

    `ordinary`: how many more kills are followed by a restart with the ordinary lease. `hurry`: residents and leader do
    not take their time, for few kills. `nlu`: the run file of an NLU process, when one runs already. `enough`: asked
    before each kill, whether there have been enough.
    """
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="kontakt-crash-") as name,
        running(database, Path(name), nlu) as (place, fake),
    ):
        figures = CrashFigures(database, version_of(place), datetime.now(UTC))
        answers, lives = Answers(), Lives(place, fake.base_url, QUICK_LEASE if hurry else SHORT_LEASE)
        people = crowd(place, fake, answers, seed, residents, 0.0 if hurry else None)
        try:
            people.begin()
            _kill_often(figures, place, lives, answers, plan(kills, random.Random(seed), steps), told, people, enough)
            _restart_as_usual(figures, lives, answers, ordinary)
            life = lives.begin("never", 1, 0, fresh=True)
            drain(place, fake, people, figures.problems)
            life.kill()
        finally:
            people.stop.set()
            lives.close()
        examine(place, world(), people.talked, fake.offset, figures.findings)
        as_an_operator_would(place, figures.findings)
        figures.problems += people.problems
        figures.turns, figures.restarts = dict(answers.turns), dict(answers.seconds)
        figures.seconds = time.monotonic() - began
        if not figures.clean:
            shutil.copytree(place.var, Path(tempfile.gettempdir()) / f"kontakt-crash-{seed}", dirs_exist_ok=True)
    return figures


def _kill_often(
    figures: CrashFigures, place: Place, lives: Lives, answers: Answers, planned: Sequence[tuple[str, int]],
    told: "Progress | None", people: Crowd, enough: Callable[[], bool],
) -> None:  # fmt: skip
    choose = random.Random(len(planned))
    for number, (step, nth) in enumerate(planned, start=1):
        if enough():
            return
        fresh = number % FRESH_EVERY == 1
        answers.started(FRESH if fresh else FORKED)
        life = lives.begin(step, nth, choose.getrandbits(32), fresh=fresh)
        figures.kills[_kill(life, step, choose)] += 1
        answers.killed()
        if number % min(LOOK_EVERY, len(planned)) == 0 and place.file is not None:
            figures.copies_checked += 1
            for line in _look_at_a_copy(place):
                figures.findings.differ("integrity", f"after kill {number}: {line}")
        if told:
            told(number, len(planned), people)


def _restart_as_usual(figures: CrashFigures, lives: Lives, answers: Answers, times: int) -> None:
    """Restart with everything as it is for an operator, and kill at a random moment when both channels answer."""
    for _ in range(times):
        answers.started(ORDINARY)
        life = lives.begin("never", 1, 0, fresh=True, lease=Pace().lease)
        deadline = time.monotonic() + 3 * Pace().lease
        while not answers.all_well and time.monotonic() < deadline:
            time.sleep(0.05)
        life.kill()
        figures.kills[RANDOM] += 1
        answers.killed()


class Progress:
    """Says now and then how far it is, and at once what somebody met that they should not have."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, number: int, kills: int, people: Crowd) -> None:
        """After kill `number` of `kills`."""
        for problem in people.problems[self._told :]:
            print(f"after kill {number}: {problem}", flush=True)
        self._told = len(people.problems)
        if number % 20 == 0:
            sent = sum(filling.reference is not None for one in people.talked for filling in one.fillings)
            print(f"{number} of {kills} kills, {sent} forms sent in, {len(people.problems)} problems", flush=True)


@contextmanager
def running(database: str, directory: Path, nlu: Path | None = None) -> Iterator[tuple[Place, FakeTelegram]]:
    """A place with its NLU process, or the one whose run file is `nlu`; and Telegram."""
    fake = FakeTelegram()
    try:
        with place_for(database, directory) as place, nlu_running(place, nlu):
            yield place, fake
    finally:
        fake.close()


def _kill(life: Life, step: str, choose: random.Random) -> str:
    """Wait for the kill; where it was."""
    seconds = {STARTING: choose.uniform(0.0, 0.6), RANDOM: choose.uniform(0.5, 2.5)}.get(step, LONGEST_LIFE)
    reached = life.ended(seconds)
    life.kill()
    if life.killed_by != signal.SIGKILL:
        raise RuntimeError("the service ended by itself: its log tells why")
    return step if reached or step == STARTING else RANDOM


def _look_at_a_copy(place: Place) -> list[str]:
    """SQLite's own check of the files as the kill left them, without touching them."""
    assert place.file is not None
    with tempfile.TemporaryDirectory(prefix="kontakt-copy-") as name:
        for path in place.file.parent.glob(f"{place.file.name}*"):
            shutil.copy2(path, Path(name) / path.name)
        return integrity(Place(Path(name), f"sqlite:///{name}/{place.file.name}", 0, 0))


def drain(place: Place, fake: FakeTelegram, people: Crowd, problems: list[str]) -> None:
    """Let everyone finish what they were saying, and all that waits be handled and delivered."""
    if not people.end(DRAIN_SECONDS):
        problems.append("somebody was not answered in the end")
    database = place.open()
    try:
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline and not _idle(database, fake, people):
            time.sleep(0.2)
    finally:
        database.close()


def _idle(database: Database, fake: FakeTelegram, people: Crowd) -> bool:
    sent = [one.line.sent[-1] for one in people.talked if one.line.channel == "telegram" and one.line.sent]
    if any(int(last.message_id) >= fake.offset for last in sent):
        return False
    now = datetime.now(UTC)
    return not deliveries.waiting(database, "telegram") and not deliveries.due(database, "telegram", now)


def version_of(place: Place) -> str:
    """What the database calls itself."""
    if place.file is not None:
        return f"SQLite {sqlite3.sqlite_version}"
    with psycopg.connect(place.url) as connection:
        return f"PostgreSQL {connection.info.server_version // 10000}.{connection.info.server_version % 10000}"
