"""Measures the NLU process as the rest of Kontakt meets it, through HTTP: time, rate, memory and start.

The texts are the Swedish and English evaluation sentences, long stories included, each asked once of a process that
has just started, since it remembers what it has answered.
"""

import os
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installation import RASA
from nlu.client import NluClient
from nlu.process import NluProcess
from nlu.sentences import read_sentences

SHORT = 160
CLIENTS = 8
_FIRST = "en första fråga, som ingen mäter"


@dataclass(frozen=True)
class Running:
    """A process that has answered once, `started` seconds after it was asked for."""

    client: NluClient
    pid: int
    started: float


def report(model: Path, place: Path) -> None:
    """Print the table. `place` is an empty directory."""
    texts = sorted({s.text for s in read_sentences(RASA / "evaluation") if s.language in ("sv", "en")})
    short = [text for text in texts if len(text) <= SHORT]
    lengths = [len(text) for text in texts]
    print(
        f"\n{len(texts)} texts of {_middle(lengths):.0f} characters (95 %: {_high(lengths):.0f}, max {max(lengths)}),"
    )
    print(f"{len(short)} of them up to {SHORT}; load {os.getloadavg()[0]:.1f}")
    starts, memory = [], 0
    with _running(model, place) as nlu:
        times = {text: _milliseconds(nlu.client, text) for text in texts}
        starts.append(nlu.started)
        memory = max(memory, _megabytes(nlu.pid))
    for name, some in (("all", texts), (f"up to {SHORT}", short)):
        spent = [times[text] for text in some]
        print(f"one at a time, {name:12} {_middle(spent):8.1f} ms {_high(spent):8.1f} ms (95 %)")
    for name, some in (("all", texts), (f"up to {SHORT}", short)):
        with _running(model, place) as nlu:
            print(f"{CLIENTS} at once, {name:15} {_rate(nlu.client, some):8.0f} texts a second")
            starts.append(nlu.started)
            memory = max(memory, _megabytes(nlu.pid))
    print(f"first answer after {_middle(starts):.1f} s; {memory} MB")


@contextmanager
def _running(model: Path, place: Path) -> Iterator[Running]:
    run_file = place / "measured.json"
    process, client = NluProcess(RASA, model, run_file), NluClient(run_file, timeout=30)
    began = time.perf_counter()
    try:
        process.start()
        process.wait_until_ready(120)
        client.understand(_FIRST)
        yield Running(client, process.pid or 0, time.perf_counter() - began)
    finally:
        client.close()
        process.stop()


def _milliseconds(client: NluClient, text: str) -> float:
    began = time.perf_counter()
    client.understand(text)
    return (time.perf_counter() - began) * 1000


def _rate(client: NluClient, texts: list[str]) -> float:
    """Texts a second, several clients at once."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client.understand, texts))
    return len(texts) / (time.perf_counter() - began)


def _megabytes(pid: int) -> int:
    """Memory of a process that is in use at this moment."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def _middle(numbers: list[float] | list[int]) -> float:
    return statistics.median(numbers)


def _high(numbers: list[float] | list[int]) -> float:
    return statistics.quantiles(numbers, n=20)[18]
