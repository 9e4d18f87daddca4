"""The log: one JSON line an event, with known keys only, and no value of anybody's in it – whatever happens."""

import ast
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from canaries import Canaries
from fake_telegram import TOKEN, FakeTelegram, Fault
from http_people import Resident, Staff
from running_kontakt import RunningKontakt

from settings import ROOT
from storage.retention_policy import LEAST_DAYS

WORD = r"[a-z_]+"
PLACE = r"[\w.<> -]+:\d+"
SENTENCE = r"[^\n\r\x1b]{1,400}"
KEYS: dict[str, str] = {
    "event": rf"{WORD}(\.{WORD})?",
    "level": "debug|info|warning|error",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    "error": r"[A-Za-z_.]+",
    "kind": r"[A-Za-z_.]+",
    "at": PLACE,
    "place": PLACE,
    "library": r"[\w.]+",
    "pattern": SENTENCE,
    "reason": SENTENCE,
    "route": r"[\w/{}:.-]*",
    "channel": "web|telegram|terminal",
    "loop": WORD,
    "asked": r"[A-Za-z]+",
    "day": r"\d{4}-\d\d-\d\d",
    "hash": r"[0-9a-f]{64}",
}
"""What a value must look like; numbers and truth values are always well. `reason` is a sentence of our own."""
COUNTS = {"row", "number", "minutes", "attempts", "failures", "retry_in", "restart_in", "left_in_wal", "reminded"}
COUNTS |= {"expired", "exc_info", *LEAST_DAYS, "submissions"}
"""Keys with a number; `exc_info` becomes error and at."""
LOGGERS = {"logger", "structlog"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in our code that logs."""
    parts = ("bot", "brochures", "commands", "forms", "nlu", "review", "storage")
    paths = [*ROOT.glob("*.py"), *(path for part in parts for path in (ROOT / part).rglob("*.py"))]
    for path in paths:
        if "rasa" in path.parts or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("debug", "info", "warning", "error", "critical", "exception")
                and (ast.unparse(node.func.value).split(".")[0].split("(")[0] in LOGGERS)
            ):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_event_that_our_code_logs_has_a_name_and_known_keys() -> None:
    found = list(calls())
    assert len(found) > 25
    for place, call in found:
        (name,) = call.args
        assert isinstance(name, ast.Constant), place
        assert re.fullmatch(KEYS["event"], str(name.value)), place
        unknown = {word.arg for word in call.keywords if word.arg} - set(KEYS) - COUNTS
        assert unknown == set(), place


def problems_of(line: str) -> list[str]:
    """What is wrong with a line of the log."""
    event = json.loads(line)
    if not {"event", "level", "timestamp"} <= event.keys():
        return [f"not an event: {line}"]
    found = []
    for key, value in event.items():
        if key in KEYS:
            values = value if isinstance(value, list) else [value]
            found += [f"{key}: {one}" for one in values if not re.fullmatch(KEYS[key], str(one))]
        elif key not in COUNTS or not isinstance(value, int | float):
            found.append(f"{key}: {value}")
    return found


# -- a day of a real service ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path, canaries: Canaries) -> list[str]:
    """The log of a service to which in a minute happens what may happen on a bad day."""
    var, fake = tmp_path_factory.mktemp("log") / "var", FakeTelegram()
    var.mkdir(mode=0o700)
    (var / "kontakt.toml").touch()
    started = []

    def start() -> RunningKontakt:
        given = {
            "KONTAKT_CONFIG": str(var / "kontakt.toml"),
            "KONTAKT_TELEGRAM_TOKEN": TOKEN,
            "KONTAKT_TELEGRAM__BASE_URL": fake.base_url,
        }
        started.append(RunningKontakt(var, nlu_model, **given))
        started[-1].wait_until_up()
        return started[-1]

    try:
        _a_day(start(), fake, canaries)
        started[-1].stop()
        _make_old(var / "kontakt.db")
        tombstones = (var / "tombstones").read_bytes()
        (var / "tombstones").write_bytes(tombstones + b"a line that nobody wrote\n")
        _until(start(), "retention.refused")
        started[-1].stop()
        (var / "tombstones").write_bytes(tombstones)
        last = start()
        _until(last, "retention.purged")
        last.stop()
        printed = last.printed
    finally:
        for running in started:
            running.stop(signal.SIGKILL)
        fake.close()
    plain = ("web chat:", "review pages:", "the NLU process is warming up", "first staff account", "Telegram: set")
    return [line for line in printed.splitlines() if not line.startswith(plain)]


def _a_day(kontakt: RunningKontakt, fake: FakeTelegram, canaries: Canaries) -> None:
    word = canaries.word
    kontakt.wait_until_free_text()
    staff = Staff(kontakt.review)
    staff.make_account(kontakt.invitation())
    staff.sign_in()
    resident = Resident(kontakt.web, "?kommun=sala")
    resident.say(text=f"Vad kostar kontaktgruppen för {word('question')}?")
    resident.say(choice="f:kontakta_mig")
    fake.say(71, f"hej {word('telegram')}")
    fake.wait_for(71, "")
    fake.update({"message": {"text": word("malformed")}})
    fake.fail("sendMessage", 403, description=f"Forbidden: {word('blocked')}")
    fake.say(72, word("to one who has blocked"))
    _until(kontakt, "telegram.reply_refused")
    fake.fail("sendMessage", 500, description=word("broken"))
    fake.say(73, word("to one who must wait"))
    _until(kontakt, "telegram.send_failed")
    fake.fail("getUpdates", 502, description=word("bad gateway"))
    _until(kontakt, "telegram.poll_failed")
    with closing(sqlite3.connect(kontakt.var / "kontakt.db")) as connection:
        for table in ("drafts", "audit_events"):
            connection.execute(
                f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'made to fail'); END"
            )
    assert Resident(kontakt.web, "?kommun=sala").turn(choice="f:kontakta_mig")[0] == 500
    assert Staff(kontakt.review).sign_in() == 500
    with closing(sqlite3.connect(kontakt.var / "kontakt.db")) as connection:
        connection.execute("DROP TRIGGER refuse_drafts")
        connection.execute("DROP TRIGGER refuse_audit_events")
    database = kontakt.var / "kontakt.db"
    database.rename(kontakt.var / "away.db")
    resident.say(text=f"Vad är en kontaktfamilj, {word('while the database is away')}?")
    assert staff.ask("/inkommet") == 503
    (kontakt.var / "away.db").rename(database)
    os.kill(json.loads((kontakt.var / "run" / "nlu.json").read_bytes())["pid"], signal.SIGKILL)
    _until(kontakt, "nlu.stopped")
    fake.fault(Fault("status", "getUpdates", status=401))
    _until(kontakt, "telegram.token_refused")
    fake.heal()


def _make_old(database: Path) -> None:
    """Drafts from sixty days ago, so that there is something to purge."""
    old = (datetime.now(UTC) - timedelta(days=60)).replace(tzinfo=None).isoformat(sep=" ")
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute("UPDATE drafts SET updated_at = ?", (old,)).rowcount


def _until(kontakt: RunningKontakt, event: str) -> None:
    deadline = time.monotonic() + 40
    while f'"{event}"' not in kontakt.printed:
        assert time.monotonic() < deadline, f"{event} is not in {kontakt.printed}"
        time.sleep(0.1)


def test_a_days_log_is_events_with_known_keys_and_nothing_else(lines: list[str], canaries: Canaries) -> None:
    assert [problem for line in lines for problem in problems_of(line)] == []
    assert canaries.found_in("\n".join(lines).encode()) == set()
    assert TOKEN.split(":")[1] not in "\n".join(lines)


@pytest.mark.parametrize(
    "event",
    ["audit.anchored", "telegram.leading", "telegram.update_unreadable", "telegram.reply_refused",
     "telegram.send_failed", "telegram.poll_failed", "telegram.token_refused", "web.request_failed",
     "review.request_failed", "turn.unsaved", "nlu.stopped", "retention.refused", "retention.purged"],
)  # fmt: skip
def test_the_day_had_its_events(lines: list[str], event: str) -> None:
    assert event in {json.loads(line)["event"] for line in lines}


# -- what nobody has foreseen ---------------------------------------------------------------------------------------

UNFORESEEN = {
    "in the main thread": "raise ValueError(SECRET)",
    "in another thread": "threading.Thread(target=fail).start()",
    "in a task that nobody waits for": "asyncio.run(forget())",
    "while something is thrown away": "class Lost:\n    def __del__(self): fail()\nlost = Lost(); del lost",
    "in a library, logged by it": "logging.getLogger('library').exception('it failed: %s', SECRET, exc_info=caught())",
    "in a library, with the value in the line": "logging.getLogger('library').warning(f'{SECRET} failed')",
    "in a library, with the value as the line": "logging.getLogger('library').error(SECRET)",
    "in a library, over several lines": "logging.getLogger('library').error('it failed\\n%s\\r\\x1b[2J', SECRET)",
    "as a warning": "warnings.warn(SECRET)",
    "as the reason of another": "try:\n    fail()\nexcept ValueError as error:\n    raise OSError(SECRET) from error",
    "in our own log": "structlog.get_logger().error('it.failed', exc_info=caught())",
}
PROGRAM = """
import asyncio, logging, threading, warnings
import structlog
import logs

logs.configure({level!r})
SECRET = "Kajsa" + " " + "Hemlig 19850417-9805"

def fail():
    raise ValueError(SECRET)

def caught():
    try:
        fail()
    except ValueError as error:
        return error

async def forget():
    task = asyncio.get_running_loop().create_task(asyncio.to_thread(fail))
    await asyncio.sleep(0.2)
    del task

{what}
"""


@pytest.mark.parametrize("level", ["info", "debug"])
@pytest.mark.parametrize("where", UNFORESEEN)
def test_an_exception_leaves_its_kind_and_place(where: str, level: str) -> None:
    program = PROGRAM.format(level=level, what=UNFORESEEN[where])
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    printed = [line for line in done.stderr.split("\n") if line]
    assert printed
    assert [problem for line in printed for problem in problems_of(line)] == []
    for word in ("Kajsa", "Hemlig", "9805"):
        assert word not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_value_with_line_breaks_stays_on_its_line() -> None:
    what = "structlog.get_logger().error('it.failed', reason='a\\r\\nb\\x1b[2J\\u2028\\x85c')"
    program = PROGRAM.format(level="info", what=what)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60)
    (line,) = done.stderr.decode("ascii").splitlines()
    assert json.loads(line)["reason"] == "a\r\nb\x1b[2J\u2028\x85c"


def test_a_command_that_fails_unforeseen_says_kind_and_place_alone(tmp_path: Path) -> None:
    """Not the message, which may quote what somebody has typed."""
    program = "import kontakt, commands.upkeep, assembly\nassembly.open_database_of = None\nkontakt.main()"
    environment = {"PATH": os.environ["PATH"], "KONTAKT_VAR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program, "migrate"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["event"] == "process.uncaught"
    assert problems_of(line) == []


@pytest.mark.parametrize(
    ("key", "value"), [("text", "hej"), ("reason", "two\nlines"), ("route", "/?namn=Elsa Testsson"), ("row", "Elsa")]
)
def test_a_line_that_should_not_be_there_is_found(key: str, value: str) -> None:
    event = {"event": "it.failed", "level": "error", "timestamp": "2026-03-02T12:00:00.1Z"}
    assert problems_of(json.dumps(event)) == []
    assert problems_of(json.dumps(event | {key: value}))
