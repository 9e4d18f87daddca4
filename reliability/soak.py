"""A steady load on `kontakt serve` for a long time: memory, open files and the database's files must not run away."""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from reliability.checks import Findings, as_an_operator_would, examine
from reliability.crash import RESIDENTS, crowd, drain, version_of, world
from reliability.lines import Answers
from reliability.service import Place, place_for
from settings import ROOT
from tests.fake_telegram import FakeTelegram

PAUSE = 2.0
"""Seconds that a resident thinks before each message, on average."""
MEMORY, NLU_MEMORY, FILES, WAL, DATABASE = (
    "memory of the service (MB)", "memory of the NLU process (MB)", "open files of the service", "-wal (MB)",
    "database (MB)",
)  # fmt: skip
MOST_GROWTH = 0.05
"""Of memory, from the first quarter after warming up to the last."""
MOST_FILES = 20
"""More open files at the end than after warming up: residents come and go."""
MOST_WAL = 64.0
MOST_BYTES_A_TURN = 16_384
WARMING_UP = 0.2
START_SECONDS = 180.0


@dataclass
class SoakFigures:
    """What was measured. Each series is in the order of time, without the warming up."""

    at: datetime
    version: str
    minutes: float
    residents: int
    most_growth: float = MOST_GROWTH
    seconds: float = 0.0
    series: dict[str, list[float]] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    turns_measured: int = 0
    findings: Findings = field(default_factory=Findings)
    problems: list[str] = field(default_factory=list)

    @property
    def memory_growth(self) -> float:
        """Of the service: the last quarter's median against the first's, as a share."""
        return _growth(self.series[MEMORY])

    @property
    def nlu_growth(self) -> float:
        """The same of the NLU process."""
        return _growth(self.series[NLU_MEMORY])

    @property
    def bytes_a_turn(self) -> float:
        """By how much the database grows with each turn."""
        return (self.series[DATABASE][-1] - self.series[DATABASE][0]) * 2**20 / max(1, self.turns_measured)

    @property
    def out_of_bounds(self) -> list[str]:
        """What ran away."""
        files = self.series[FILES]
        quarter = max(1, len(files) // 4)
        bounds = {
            MEMORY: self.memory_growth <= self.most_growth,
            NLU_MEMORY: self.nlu_growth <= self.most_growth,
            FILES: max(files[-quarter:]) <= max(files[:quarter]) + MOST_FILES,
            WAL: max(self.series[WAL]) <= MOST_WAL,
            DATABASE: self.bytes_a_turn <= MOST_BYTES_A_TURN,
        }
        return [name for name, held in bounds.items() if not held]


def run(minutes: float, *, seed: int = 1, pause: float = PAUSE, most_growth: float = MOST_GROWTH) -> SoakFigures:
    """So many minutes of load over a new SQLite database, then everything compared as after the kills."""
    began = time.monotonic()
    fake = FakeTelegram()
    try:
        with tempfile.TemporaryDirectory(prefix="kontakt-soak-") as name, place_for("sqlite", Path(name)) as place:
            figures = SoakFigures(datetime.now(UTC), version_of(place), minutes, RESIDENTS, most_growth)
            with (place.var / "serve.log").open("wb") as log:
                service = subprocess.Popen(
                    [sys.executable, "kontakt.py", "serve", "--stop-with-parent"],
                    cwd=ROOT, env=place.environment(fake.base_url), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
            answers = Answers()
            people = crowd(place, fake, answers, seed, pause=pause)
            try:
                wait_until_ready(place, service)
                people.begin()
                _measure(figures, place, service.pid, answers)
                drain(place, fake, people, figures.problems)
                service.send_signal(signal.SIGTERM)
                service.wait(30)
            finally:
                people.stop.set()
                service.kill()
                service.wait()
            examine(place, world(), people.talked, fake.offset, figures.findings)
            as_an_operator_would(place, figures.findings)
            figures.problems += people.problems
            figures.turns = dict(answers.turns)
            figures.seconds = time.monotonic() - began
            return figures
    finally:
        fake.close()


def wait_until_ready(place: Place, service: "subprocess.Popen[bytes]") -> None:
    """Returns when the service understands free text. Raises RuntimeError when that takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and service.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{place.web_port}/ready", timeout=5) as answer:
                if json.load(answer)["free_text"]:
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError("the service did not start: " + (place.var / "serve.log").read_text("utf-8", "replace")[-500:])


def _measure(figures: SoakFigures, place: Place, pid: int, answers: Answers) -> None:
    """Look at the process and its files, some hundred times in all."""
    began, seconds = time.monotonic(), figures.minutes * 60
    nlu = json.loads((place.var / "run" / "nlu.json").read_bytes())["pid"]
    assert place.file is not None
    wal, first = place.file.with_name(place.file.name + "-wal"), None
    while time.monotonic() - began < seconds:
        time.sleep(min(5.0, seconds / 40))
        if time.monotonic() - began < seconds * WARMING_UP:
            continue
        seen = {
            MEMORY: _memory(pid), NLU_MEMORY: _memory(nlu), FILES: float(len(list(Path(f"/proc/{pid}/fd").iterdir()))),
            WAL: wal.stat().st_size / 2**20 if wal.exists() else 0.0, DATABASE: place.file.stat().st_size / 2**20,
        }  # fmt: skip
        turns = sum(answers.turns.values())
        first = turns if first is None else first
        figures.turns_measured = turns - first
        for name, value in seen.items():
            figures.series.setdefault(name, []).append(value)


def _memory(pid: int) -> float:
    """Resident memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _growth(series: Sequence[float]) -> float:
    quarter = max(1, len(series) // 4)
    return statistics.median(series[-quarter:]) / statistics.median(series[:quarter]) - 1
