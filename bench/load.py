"""Fifty residents at once in the web chat of a real `kontakt serve`, then two hundred requests a second for its page.

Residents think between their messages; each asks evaluation sentences, taps what is offered and begins forms. What is
timed is the whole HTTP request. The load is made on the same machine, which costs the service some of its cores. Run
with `python -m bench.load`.
"""

import itertools
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

from installation import DOMAIN, RASA
from nlu import training
from nlu.sentences import read_sentences
from settings import ROOT
from tests.http_people import Resident
from tests.running_kontakt import RunningKontakt

RESIDENTS = 50
SECONDS = 60.0
THINKS = (1.0, 5.0)
"""Seconds between an answer and the next message."""
PAGES_A_SECOND = 200
PAGE_SECONDS = 20.0
READERS = 16
PAGES = ("/", "/static/chat.css", "/static/chat.js")


class Timed:
    """Milliseconds of requests and how they ended. Safe to use from several threads."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self.ended: Counter[str] = Counter()

    def time(self, action: Callable[[], int]) -> None:
        """Do it; `action` gives the HTTP status."""
        began = time.perf_counter()
        try:
            ended = str(action())
        except (OSError, ValueError) as error:
            ended = type(error).__name__
        self.milliseconds.append((time.perf_counter() - began) * 1000)
        self.ended[ended] += 1

    def line(self, name: str, seconds: float) -> str:
        """How many a second, the median, the 95th percentile, the slowest, and how they ended."""
        times = self.milliseconds
        high = statistics.quantiles(times, n=20)[18]
        figures = f"{len(times) / seconds:7.1f} a second {statistics.median(times):8.1f} ms {high:8.1f} ms (95 %)"
        return f"{name:24} {figures} {max(times):8.1f} ms (slowest)  {dict(self.ended)}"


def main() -> None:
    """Print both lines."""
    model = training.train(RASA, DOMAIN, ROOT / "var" / "nlu", lambda line: None)
    with tempfile.TemporaryDirectory() as directory:
        # Each resident and reader has an address of their own, as behind a proxy.
        kontakt = RunningKontakt(Path(directory), model, "--stop-with-parent", KONTAKT_TRUSTED_PROXIES='["127.0.0.1"]')
        try:
            kontakt.wait_until_up()
            kontakt.wait_until_free_text()
            print(f"load before {os.getloadavg()[0]:.1f}")
            print(_chat(kontakt.web).line(f"{RESIDENTS} residents", SECONDS))
            print(_read(kontakt.web_port).line(f"{PAGES_A_SECOND} pages a second", PAGE_SECONDS))
        finally:
            kontakt.stop()


def _chat(site: str) -> Timed:
    texts = [s.text for s in read_sentences(RASA / "evaluation") if s.language in ("sv", "en")]
    timed, until = Timed(), time.monotonic() + SECONDS
    _at_once([lambda number=number: _resident(site, number, texts, timed, until) for number in range(RESIDENTS)])
    return timed


def _resident(site: str, number: int, texts: Sequence[str], timed: Timed, until: float) -> None:
    """Asks and taps until the time is over."""
    chance = random.Random(number)
    resident = Resident(site, "?kommun=vingaker", f"10.7.0.{number}")
    choices: list[str] = []
    while True:
        time.sleep(chance.uniform(*THINKS))
        if time.monotonic() > until:
            return
        message = {"text": chance.choice(texts)}
        if choices and chance.random() < 0.5:
            message = {"choice": chance.choice(choices)}
        body = json.dumps({"message_id": uuid4().hex, **message}).encode()
        timed.time(lambda body=body: resident.ask("/turn", body, Content_Type="application/json"))
        replies = json.loads(resident.page).get("replies", [])
        choices = [choice["id"] for reply in replies for choice in reply["choices"]]


def _read(port: int) -> Timed:
    """Pages and their files at even times, however long each takes."""
    timed, ticket, began = Timed(), itertools.count(), time.monotonic()

    def reader(address: int) -> None:
        while (number := next(ticket)) < PAGES_A_SECOND * PAGE_SECONDS:
            time.sleep(max(0.0, began + number / PAGES_A_SECOND - time.monotonic()))
            timed.time(lambda: _page(port, PAGES[number % len(PAGES)], f"10.8.{address}.{number % 250}"))

    _at_once([lambda address=address: reader(address) for address in range(READERS)])
    return timed


def _page(port: int, path: str, address: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"X-Forwarded-For": address})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def _at_once(actions: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
