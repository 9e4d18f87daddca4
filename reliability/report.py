"""docs/reliability.md: each part of the harness writes its own section, with the day and the machine it ran on."""

import os
import platform
import re
import statistics
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bot.channels.telegram_pace import Pace
from reliability.checks import KINDS
from reliability.crash import CrashFigures
from reliability.durability import DurabilityFigures
from reliability.order import MachineFigures
from reliability.service import SHORT_LEASE
from reliability.soak import SoakFigures
from reliability.steps import STEPS
from settings import ROOT

PAGE = ROOT / "docs" / "reliability.md"
INTRODUCTION = """# What it survives, measured

`python -m reliability` writes this page: it kills the real service, sends messages in every order, talks to it for a
long time, and counts the writes to the disk behind each receipt. Each section says when, where and on what it was
measured. The short forms are part of the tests (`tests/test_reliability_crash.py`,
`tests/test_reliability_machine.py`, `tests/test_reliability_soak.py`). Counting writes needs `strace`, which no test
does: there is no short form of it, only a test of how what strace says is read
(`tests/test_reliability_durability.py`).

    .venv/bin/python -m reliability crash sqlite --kills 525       # about half an hour
    .venv/bin/python -m reliability crash postgresql --kills 525
    .venv/bin/python -m reliability machine --runs 2000
    make soak                                                      # fifteen minutes
    .venv/bin/python -m reliability durability sqlite              # a minute or two, with strace
    .venv/bin/python -m reliability durability postgresql
"""
SECTIONS = (
    "Killed at every step, on SQLite",
    "Killed at every step, on PostgreSQL",
    "Messages twice, late and in any order",
    "A steady load",
    "On the disk before the answer, on SQLite",
    "On the disk before the answer, on PostgreSQL",
)
WIDTH = 120
NAMES = {"sqlite": SECTIONS[0], "postgresql": SECTIONS[1]}
ON_DISK = {"sqlite": SECTIONS[4], "postgresql": SECTIONS[5]}


def write(section: str, body: str, page: Path = PAGE) -> None:
    """Put a section's text on the page in place of what it said before."""
    content = page.read_text(encoding="utf-8") if page.exists() else INTRODUCTION
    parts = re.split(r"^## (.+)\n", content, flags=re.MULTILINE)
    bodies = dict(zip(parts[1::2], parts[2::2], strict=True)) | {section: _wrapped(body)}
    sections = (f"## {name}\n\n{bodies[name].strip()}\n" for name in SECTIONS if name in bodies)
    page.write_text("\n".join([INTRODUCTION, *sections]), encoding="utf-8")


def crash(figures: CrashFigures) -> str:
    """The section of a crash run."""
    found, kills = figures.findings, sum(figures.kills.values())
    lines = [
        _where(figures.at, figures.version, figures.seconds),
        "",
        f"The service – both sites, Telegram through a pretended Bot API, over HTTP both – was ended with SIGKILL"
        f" **{kills} times** over one database, while 20 residents at once filled in forms to the end on both channels,"
        " sent again what was not answered, and tapped old buttons and “Skicka in” twice. The NLU process was real and"
        " went on meanwhile.",
        "",
        *_table(
            ("step", "where the service was killed", "kills", "found"),
            ((number, step, figures.kills[step], _found(figures)) for number, step in enumerate(STEPS, start=1)),
        ),
        "",
        "What was found is looked for when all kills are over, in what residents know and what the database holds,"
        " so it is the same for every row.",
        "",
        *_table(
            ("compared afterwards", "how many", "differences"),
            (
                ("acknowledged messages, each handled", found.messages, found.differences[KINDS[0]]),
                ("drafts, equal to what was answered", found.drafts, found.differences[KINDS[1]]),
                ("submissions, equal to what was answered", found.submissions, found.differences[KINDS[2]]),
                ("submissions that are there twice", found.submissions, found.differences[KINDS[3]]),
                ("receipts for what is not stored", found.receipts, found.differences[KINDS[4]]),
                ("submissions without their receipt", found.submissions, found.differences[KINDS[5]]),
                ("messages not handled, replies not sent", found.messages, found.differences[KINDS[6]]),
                ("events of the audit trail, verified", found.audit_events, found.differences[KINDS[7]]),
                (f"integrity ({_integrity(figures)})", 1 + figures.copies_checked, found.differences[KINDS[8]]),
                ("what residents met that they should not have", sum(figures.turns.values()), len(figures.problems)),
            ),
        ),
        "",
        "From a kill to the next answered turn, in seconds:",
        "",
        *_table(
            ("restarted", "channel", "times", "p50", "p95"),
            ((*how, len(times), *_percentiles(times)) for how, times in sorted(figures.restarts.items())),
        ),
        "",
        "A fork of an interpreter that has imported everything spares a second of work at each kill; every tenth"
        " restart is a new interpreter, as an operator's is. After a kill Telegram waits until the dead process's"
        f" lease is over: {SHORT_LEASE:.0f} s in the harness, {Pace().lease:.0f} s ordinarily (the last rows).",
    ]  # fmt: skip
    return "\n".join([*lines, *_differences(figures.findings.lines + figures.problems)])


def machine(figures: MachineFigures) -> str:
    """The section of the state machine."""
    lines = [
        _where(figures.at, figures.version, figures.seconds),
        "",
        f"**{figures.runs} runs** of a hypothesis state machine with {figures.steps} messages, arrivals, turns and"
        " sends: two residents, each on the web and in Telegram, two connections to one database. Messages arrive"
        " late, in any order and more than once; they are handled by either connection, also when they are handled"
        " already; old buttons and other residents' are tapped; messages are edited; replies are sent, sent without"
        " confirmation, or put off. After every turn the stored draft, and in the end every submission, the inbox, the"
        " outbox and what reached each telephone are compared with a model in plain Python."
        f" {figures.sent_in} forms were sent in.",
        "",
        f"Runs that differed from the model: **{figures.differences}**.",
    ]
    return "\n".join(lines)


def soak(figures: SoakFigures) -> str:
    """The section of the soak."""
    rows = [
        (name, *(f"{value:.1f}" for value in (series[0], statistics.median(series), max(series), series[-1])))
        for name, series in figures.series.items()
    ]
    turns = sum(figures.turns.values())
    lines = [
        _where(figures.at, figures.version, figures.seconds),
        "",
        f"`kontakt serve` with its own NLU process under a steady load of {figures.residents} residents on both"
        f" channels, **{figures.minutes:.1f} minutes**: {figures.turns.get('web', 0)} turns on the web,"
        f" {figures.turns.get('telegram', 0)} in Telegram ({turns / figures.seconds:.1f} a second),"
        f" {figures.findings.submissions} forms sent in. The first fifth is warming up and left out.",
        "",
        *_table(("", "at first", "median", "most", "at last"), rows),
        "",
        f"Memory of the service, last quarter against the first after warming up: {figures.memory_growth:+.1%};"
        f" of the NLU process: {figures.nlu_growth:+.1%}."
        f" The database grows by {figures.bytes_a_turn:.0f} bytes a turn.",
        "",
        f"Out of bounds: **{', '.join(figures.out_of_bounds) or 'nothing'}**. Messages lost, forms sent in twice,"
        f" receipts for what is not stored: **{sum(figures.findings.differences.values())}**. What residents met that"
        f" they should not have: **{len(figures.problems)}**.",
    ]
    return "\n".join([*lines, *_differences(figures.findings.lines + figures.problems)])


def durability(figures: DurabilityFigures) -> str:
    """The section of the counted writes."""
    journal = "the -wal file" if figures.database == "sqlite" else "a file of pg_wal, by any process of the server"
    rows = [
        (kind, len(counts), sum(map(bool, counts)), min(counts, default=0), f"{statistics.median(counts or [0]):g}")
        for kind, counts in figures.receipts.flushes.items()
    ]
    lines = [
        _where(figures.at, figures.version, figures.seconds),
        "",
        "`kontakt serve` under strace, talked to by one resident on the web and then by one in Telegram, so that what"
        f" is flushed meanwhile is flushed for them. A flush is an `fsync` or `fdatasync` of {journal}, begun after the"
        " first write to it that followed the message, and ended without error before the first byte of the answer. On"
        " the web the answer is that of the chat; in Telegram it is the next `getUpdates`, whose offset says that the"
        " update has been taken.",
        "",
        *_table(("receipt", "how many", "with a flush before", "fewest flushes", "median"), rows),
        "",
        f"Receipts without a flush: **{len(figures.receipts.bare)}**.",
    ]
    return "\n".join([*lines, *_differences(figures.receipts.bare + figures.problems)])


def _wrapped(body: str) -> str:
    """Paragraphs as wide as the rest of the documentation; tables and lists as they are."""
    lines = body.strip().splitlines()
    return "\n".join(
        line
        if line.startswith(("|", "-"))
        else textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)
        for line in lines
    )


def _where(at: datetime, version: str, seconds: float) -> str:
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="ascii"))
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    size = round(int(memory[1]) / 2**20) if memory else 0
    return (
        f"{at.astimezone(UTC):%Y-%m-%d}, {seconds / 60:.0f} minutes on {model[1] if model else platform.machine()},"
        f" {os.cpu_count()} cores shared with other work, {size} GB;"
        f" {platform.freedesktop_os_release().get('PRETTY_NAME', 'Linux')}, Python {platform.python_version()},"
        f" {version}."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    body = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |", *body]


def _found(figures: CrashFigures) -> str:
    return "nothing" if figures.clean else "see below"


def _integrity(figures: CrashFigures) -> str:
    if figures.database == "sqlite":
        return "`integrity_check`, `foreign_key_check`, also of copies of the files as a kill left them"
    return "every row of every table read, every foreign key followed"


def _percentiles(times: Sequence[float]) -> tuple[str, str]:
    if len(times) < 2:
        return (f"{times[0]:.1f}", f"{times[0]:.1f}")
    return (f"{statistics.median(times):.1f}", f"{statistics.quantiles(times, n=20, method='inclusive')[18]:.1f}")


def _differences(lines: Sequence[str]) -> list[str]:
    return ["", "What differed:", "", *(f"- {line}" for line in lines[:40])] if lines else []
