"""Counting flushes behind receipts: how lines that strace wrote are read. strace itself is not needed here."""

from datetime import UTC, datetime

import pytest

from reliability import durability, report
from reliability.durability import TELEGRAM, WEB, calls_in, receipts_in

WAL = "/var/lib/kontakt/kontakt.db-wal"
PORT, API = 8080, 44865
PAGE = f"TCP:[127.0.0.1:{PORT}->127.0.1.2:36665]"
BOT = f"TCP:[127.0.0.1:60466->127.0.0.1:{API}]"
ASKED = [
    rf'10 1000.249343 recvfrom(18<{PAGE}>, "POST /turn HTTP/1.1\r\nHost: localhost\r\n\r\n", 65536, 0, NULL, 0) = 90',
    rf'10 1000.249500 recvfrom(18<{PAGE}>, "{{\"message_id\": \"a1\", \"text\": \"x) = 1\"}}", 65536, 0, NULL, 0) = 39',
]
WRITTEN = [rf'20 1000.356449 pwrite64(13<{WAL}>, "\0\7\212\261I ) = 3", 24, 20632) = 24']
FLUSHED = [
    f"20 1000.360061 fdatasync(13<{WAL}> <unfinished ...>",
    "10 1000.360144 recvfrom(9<UNIX-STREAM:[243->244]>, 0x55a8, 4096, 0, NULL, NULL) = -1 EAGAIN (Not now)",
    "20 1000.365235 <... fdatasync resumed>) = 0",
]
FAILED = [f"20 1000.360061 fdatasync(13<{WAL}>) = -1 EIO (Input/output error)"]
OTHER_FILE = ["20 1000.360061 fdatasync(14</var/lib/kontakt/kontakt.db>) = 0"]
ANSWERED = [
    rf'10 1000.368083 sendto(18<{PAGE}>, "HTTP/1.1 200 OK\r\ncontent-length: 1243\r\n\r\n", 300, 0, NULL, 0) = 300',
    rf'10 1000.368453 sendto(18<{PAGE}>, "{{\"replies\":[]}}", 14, 0, NULL, 0) = 14',
]
LATE = [f"20 1000.369000 fdatasync(13<{WAL}>) = 0"]
EARLY = [f"20 1000.100000 fdatasync(13<{WAL}>) = 0"]
BEGUN, DONE = f"21 1000.100000 fdatasync(13<{WAL}> <unfinished ...>", "21 1000.360000 <... fdatasync resumed>) = 0"
RUNNING = [BEGUN, *ASKED, *WRITTEN, DONE]


def counted(lines: list[str]) -> durability.Receipts:
    return receipts_in(calls_in(lines), PORT, API, lambda file: file == WAL)


def test_a_call_that_was_interrupted_is_put_together() -> None:
    first, wrote, flushed = (calls_in(lines)[-1] for lines in (ASKED, WRITTEN, FLUSHED))
    assert (first.name, first.file, first.result) == ("recvfrom", PAGE, 39)
    assert (wrote.name, wrote.file, wrote.result) == ("pwrite64", WAL, 24)
    assert (flushed.name, flushed.file, flushed.result) == ("fdatasync", WAL, 0)
    assert (flushed.began, flushed.ended) == (1000.360061, 1000.365235)


@pytest.mark.parametrize(
    ("lines", "flushes"),
    [
        ([*ASKED, *WRITTEN, *FLUSHED, *ANSWERED], [1]),
        ([*ASKED, *WRITTEN, *FLUSHED, *WRITTEN, *FLUSHED, *ANSWERED], [2]),
        ([*ASKED, *WRITTEN, *ANSWERED], [0]),
        ([*ASKED, *FLUSHED, *ANSWERED], [0]),
        ([*ASKED, *WRITTEN, *FAILED, *ANSWERED], [0]),
        ([*ASKED, *WRITTEN, *OTHER_FILE, *ANSWERED], [0]),
        ([*ASKED, *WRITTEN, *ANSWERED, *LATE], [0]),
        ([*EARLY, *ASKED, *WRITTEN, *ANSWERED], [0]),
        ([*RUNNING, *ANSWERED], [0]),
        ([*ASKED, *WRITTEN, *FLUSHED, *ANSWERED, *ASKED, *ANSWERED], [1]),
        ([*ASKED, *WRITTEN, *FLUSHED], []),
    ],
    ids=[
        "flushed", "twice", "never", "nothing written", "failed", "another file", "afterwards", "before",
        "begun before", "the same message again", "not answered",
    ],
)  # fmt: skip
def test_flushes_between_a_message_and_its_answer(lines: list[str], flushes: list[int]) -> None:
    receipts = counted(lines)
    assert receipts.flushes[WEB] == flushes
    assert len(receipts.bare) == flushes.count(0)


def update(at: float, number: int) -> str:
    content = rf"HTTP/1.1 200 OK\r\n\r\n{{\"ok\": true, \"result\": [{{\"update_id\": {number}, \"message\": {{}}}}]}}"
    return f'10 {at:.6f} recvfrom(15<{BOT}>, "{content}", 262144, 0, NULL, NULL) = 390'


def asking(at: float, offset: int) -> str:
    return f'10 {at:.6f} sendto(15<{BOT}>, "timeout=4&limit=100&offset={offset}", 139, 0, NULL, 0) = 139'


def test_flushes_between_an_update_and_its_acknowledgement() -> None:
    lines = [
        asking(999, 0), update(1000, 1001), *WRITTEN, *FLUSHED, asking(1001, 1002), update(1002, 1001),
        asking(1003, 1002), update(1004, 1002), asking(1005, 1003),
    ]  # fmt: skip
    receipts = counted(lines)
    assert receipts.flushes == {WEB: [], TELEGRAM: [1, 0]}
    assert receipts.bare == [f"{TELEGRAM}: 1002"]


def test_the_section_tells_what_was_counted() -> None:
    figures = durability.DurabilityFigures("sqlite", datetime(2026, 10, 25, 12, tzinfo=UTC), "SQLite 3")
    assert not figures.clean
    figures.receipts = durability.Receipts({WEB: [1, 2, 1], TELEGRAM: [3]})
    assert figures.clean
    told = report.durability(figures)
    assert f"| {WEB} | 3 | 3 | 1 | 1 |" in told
    assert "Receipts without a flush: **0**." in told
