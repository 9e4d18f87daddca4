"""Counts the writes to the disk behind every receipt: nobody is told "saved" before the database's journal is there.

The service runs under strace, one resident at a time talks to it, and each receipt is looked at: between the message's
arrival and the first byte of what answers it, the journal must have been written and then flushed (fsync or fdatasync,
done and without error). On PostgreSQL it is the server's own processes that flush, so they are traced as well.

strace is needed for this alone; reading what it writes (`calls_in`, `receipts_in`) needs nothing.
"""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from reliability.crash import Crowd, crowd, version_of
from reliability.lines import Answers
from reliability.service import Place, place_for
from reliability.soak import wait_until_ready
from settings import ROOT
from tests.fake_telegram import FakeTelegram

RECEIPTS = 200
"""On each channel."""
WEB, TELEGRAM = KINDS = (
    "web: from a message to the first byte of its answer",
    "Telegram: from an update to the request that acknowledges it",
)
READS = ("read", "readv", "recvfrom", "recvmsg")
WRITES = ("write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg")
SYNCS = ("fsync", "fdatasync")
PAUSE = 0.02
SECONDS = 600.0

_LINE = re.compile(r"(\d+)\s+(\d+\.\d+) (<\.\.\. \w+ resumed>)?(.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_CALL = re.compile(r"(\w+)\(\d+<(\w+:\[[^\]]*\]|[^>]*)>(.*)\) += (-?\d+)[^)]*(?:\(\w[^)]*\))?$", re.DOTALL)


class StraceError(Exception):
    """strace is not there, or may not look at these processes."""


@dataclass(frozen=True)
class Call:
    """One system call on an open file: which file or connection, what passed, and when (seconds)."""

    name: str
    file: str
    content: str
    result: int
    began: float
    ended: float


@dataclass
class Receipts:
    """Kind -> how often the journal was flushed before each receipt of that kind; `bare`: those with no flush."""

    flushes: dict[str, list[int]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    bare: list[str] = field(default_factory=list)


@dataclass
class DurabilityFigures:
    """What was counted on one database."""

    database: str
    at: datetime
    version: str
    seconds: float = 0.0
    receipts: Receipts = field(default_factory=Receipts)
    problems: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether there were receipts of every kind, and a flush before each."""
        return all(self.receipts.flushes.values()) and not (self.receipts.bare or self.problems)


# -- reading what strace has written --------------------------------------------------------------------------------


def calls_in(lines: Iterable[str]) -> list[Call]:
    """The system calls on open files in the output of `strace -f -ttt -yy`, in the order in which they ended.

    A call that another thread interrupts stands on two lines and is put together again.
    """
    pending: dict[str, tuple[float, str]] = {}
    found = []
    for line in lines:
        match = _LINE.fullmatch(line.rstrip("\n"))
        if match is None:
            continue
        thread, at, text = match[1], float(match[2]), match[4]
        began = at
        if match[3]:
            began, before = pending.pop(thread, (at, ""))
            text = before + text
        if text.endswith(_UNFINISHED):
            pending[thread] = began, text.removesuffix(_UNFINISHED)
        elif call := _CALL.fullmatch(text):
            found.append(Call(call[1], call[2], call[3], int(call[4]), began, at))
    return found


def receipts_in(
    calls: Sequence[Call], web_port: int, telegram_port: int, is_journal: Callable[[str], bool]
) -> Receipts:
    """How often the journal was flushed before each receipt. A message that came before is no new receipt."""
    journal = [call for call in calls if is_journal(call.file) and call.result >= 0]
    written = sorted(call.began for call in journal if call.name in WRITES)
    flushed = sorted((call.ended, call.began) for call in journal if call.name in SYNCS)
    ended = [end for end, _ in flushed]
    receipts = Receipts()
    for kind, name, arrived, answered in (*_on_the_web(calls, web_port), *_in_telegram(calls, telegram_port)):
        first = bisect_left(written, arrived)
        wrote = written[first] if first < len(written) else answered
        between = flushed[bisect_left(ended, wrote) : bisect_right(ended, answered)]
        number = sum(began >= wrote for _, began in between)
        receipts.flushes[kind].append(number)
        if number == 0:
            receipts.bare.append(f"{kind}: {name}")
    return receipts


_Window = tuple[str, str, float, float]
"""Kind, which message, when it had come, when the first byte of its receipt went."""


def _on_the_web(calls: Sequence[Call], port: int) -> Iterator[_Window]:
    """Each message that is new, on the connections to our own port."""
    ours = re.compile(rf"TCP:\[[\d.]+:{port}->")
    asked: dict[str, tuple[str, float]] = {}
    seen = set()
    for call in _on(calls, ours.match):
        if call.name in READS and call.result > 0:
            before = "" if "POST /turn " in call.content else asked.get(call.file, ("", 0.0))[0]
            asked[call.file] = before + call.content, call.ended
        elif call.name in WRITES and "HTTP/1.1 200" in call.content:
            text, arrived = asked.pop(call.file, ("", 0.0))
            message = re.search(r'\\"message_id\\": \\"(\w+)\\"', text)
            if "POST /turn " in text and message and message[1] not in seen:
                seen.add(message[1])
                yield WEB, message[1], arrived, call.began


def _in_telegram(calls: Sequence[Call], port: int) -> Iterator[_Window]:
    """Each update that is new, on the connections to the Bot API."""
    api = re.compile(rf"TCP:\[[\d.]+:\d+->[\d.]+:{port}\]")
    waiting: dict[int, float] = {}
    newest = 0
    for call in _on(calls, api.match):
        if call.name in READS:
            for found in re.findall(r'\\"update_id\\": (\d+)', call.content):
                if int(found) > newest:
                    newest = int(found)
                    waiting[newest] = call.ended
        elif call.name in WRITES and (offset := re.search(r"offset=(\d+)", call.content)):
            for number in [number for number in waiting if number < int(offset[1])]:
                yield TELEGRAM, str(number), waiting.pop(number), call.began


def _on(calls: Sequence[Call], fits: Callable[[str], object]) -> Iterator[Call]:
    """What passed on these connections, reading as it ended and writing as it began."""
    found = [call for call in calls if fits(call.file) and call.result >= 0]
    return iter(sorted(found, key=lambda call: call.ended if call.name in READS else call.began))


# -- the run --------------------------------------------------------------------------------------------------------


def run(database: str, receipts: int = RECEIPTS) -> DurabilityFigures:
    """So many messages on each channel, one after the other, over a new database of the kind. Raises StraceError."""
    if shutil.which("strace") is None:
        raise StraceError("strace is not installed: apt-get install strace")
    began, fake = time.monotonic(), FakeTelegram()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="kontakt-durability-") as name,
            place_for(database, Path(name)) as place,
        ):
            figures = DurabilityFigures(database, datetime.now(UTC), version_of(place))
            output = Path(name) / "calls"
            with (place.var / "serve.log").open("wb") as log:
                service = subprocess.Popen(
                    [sys.executable, "kontakt.py", "serve", "--stop-with-parent"],
                    cwd=ROOT, env=place.environment(fake.base_url), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
            try:
                wait_until_ready(place, service)
                with _traced([service.pid, *_server_of(place)], output):
                    _talk(place, fake, receipts, figures.problems)
                    assert service.poll() is None
            finally:
                service.kill()
                service.wait()
            with output.open(encoding="utf-8", errors="replace") as lines:
                calls = calls_in(lines)
            port = urlsplit(fake.base_url).port or 0
            figures.receipts = receipts_in(calls, place.web_port, port, _journal_of(place))
            figures.seconds = time.monotonic() - began
            return figures
    finally:
        fake.close()


def _talk(place: Place, fake: FakeTelegram, receipts: int, problems: list[str]) -> None:
    """One resident on the web, then one in Telegram: what is flushed meanwhile is flushed for them."""
    for channel in range(2):
        answers = Answers()
        two = crowd(place, fake, answers, seed=channel, number=2, pause=PAUSE)
        alone = Crowd([two.residents[channel]], two.stop)
        deadline = time.monotonic() + SECONDS
        alone.begin()
        while sum(answers.turns.values()) < receipts + 1 and time.monotonic() < deadline:
            time.sleep(0.1)
        if not alone.end(60):
            problems.append("somebody was not answered in the end")
        problems += alone.problems


def _journal_of(place: Place) -> Callable[[str], bool]:
    if place.file is not None:
        wal = f"{place.file}-wal"
        return lambda file: file == wal
    return lambda file: "/pg_wal/" in file


def _server_of(place: Place) -> list[int]:
    """The process ids of the PostgreSQL server and its children; none on SQLite."""
    if place.file is not None:
        return []
    directory = place.url.partition("host=")[2]
    postmaster = int((Path(directory) / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
    children = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        except OSError:
            continue
        children[int(parent)].append(int(entry.parent.name))
    return [postmaster, *children[postmaster]]


@contextmanager
def _traced(processes: Sequence[int], output: Path) -> Iterator[None]:
    """These processes, their threads and what they start are traced while the block lasts. Raises StraceError."""
    wanted = ",".join((*READS, *WRITES, *SYNCS))
    command = ["strace", "-f", "-ttt", "-yy", "-s", "20000", "-e", f"trace={wanted}", "-o", str(output)]
    for process in processes:
        command += ["-p", str(process)]
    strace = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not all(_is_traced(process) for process in processes):
            if strace.poll() is not None or time.monotonic() > deadline:
                raise StraceError("strace may not look at these processes: see kernel.yama.ptrace_scope")
            time.sleep(0.05)
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(30)


def _is_traced(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:  # a server's process that has ended meanwhile
        return True
    return "TracerPid:\t0\n" not in status
