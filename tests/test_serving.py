"""`kontakt serve` as a process: what it says and opens, how it goes on without its NLU process, how it stops."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from processes import listeners_of, processes_of, seconds_until_gone
from running_kontakt import KONTAKT, RunningKontakt

import serving
from bot.wording import load_wordings
from nlu.process import NluProcessError
from storage import backup_keys
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys
from storage.retention_policy import day_of

SAY = load_wordings()["sv"]
ANNOUNCED = ("web chat:", "review pages:", "the NLU process is warming up", "first staff account")
Start = Callable[..., RunningKontakt]


class Resident:
    """Somebody at the web chat, over HTTP as the page's script speaks it."""

    def __init__(self, kontakt: RunningKontakt, query: str = "") -> None:
        self.web = kontakt.web
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.browser.open(f"{self.web}/{query}", timeout=10).close()

    def say(self, **message: str) -> dict[str, Any]:
        """The answer to {"text": …} or {"choice": …}."""
        body = json.dumps({"message_id": uuid4().hex, **message}).encode()
        headers = {"Content-Type": "application/json", "Origin": self.web}
        request = urllib.request.Request(f"{self.web}/turn", body, headers)
        with self.browser.open(request, timeout=20) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def reads(self, **message: str) -> str:
        """All text of the answer."""
        return "\n".join(reply["text"] for reply in self.say(**message)["replies"])


@pytest.fixture(scope="module")
def make_kontakt(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> Iterator[Start]:
    """Starts `kontakt serve` over a database and keys that are there already; ends them all at the end."""
    started = []

    def make(*arguments: str, **environment: str) -> RunningKontakt:
        var = tmp_path_factory.mktemp("var")
        make_keys(var / "keys")
        backup_keys.make(var / "keys", datetime.now(UTC) - timedelta(days=40))
        migrate(f"sqlite:///{var / 'kontakt.db'}")
        (var / "kontakt.toml").touch()
        running = RunningKontakt(var, nlu_model, *arguments, KONTAKT_CONFIG=str(var / "kontakt.toml"), **environment)
        started.append(running)
        return running

    yield make
    for running in started:
        running.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def kontakt(make_kontakt: Start) -> RunningKontakt:
    """One that is up and understands free text."""
    running = make_kontakt(A_SECRET="of the one who started it")
    running.wait_until_up()
    running.wait_until_free_text()
    return running


def _nlu_pid(kontakt: RunningKontakt) -> int:
    pid: int = json.loads((kontakt.var / "run" / "nlu.json").read_bytes())["pid"]
    return pid


def _wait_for(what: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


# -- while it runs -------------------------------------------------------------------------------------------------


def test_both_addresses_and_a_link_for_the_first_account_are_printed(kontakt: RunningKontakt) -> None:
    assert re.search(rf"^web chat: +{kontakt.web}$", kontakt.printed, re.MULTILINE)
    assert re.search(rf"^review pages: +{kontakt.review}$", kontakt.printed, re.MULTILINE)
    assert kontakt.invitation().startswith(f"{kontakt.review}/valkommen/")
    with urllib.request.urlopen(kontakt.invitation(), timeout=10) as page:
        assert b"<form" in page.read()


def test_it_listens_on_loopback_and_nowhere_else(kontakt: RunningKontakt) -> None:
    nlu = json.loads((kontakt.var / "run" / "nlu.json").read_bytes())
    assert processes_of(kontakt.var).keys() == {kontakt.process.pid, nlu["pid"]}
    assert listeners_of(kontakt.process.pid) == {("127.0.0.1", kontakt.web_port), ("127.0.0.1", kontakt.review_port)}
    assert listeners_of(nlu["pid"]) == {("127.0.0.1", nlu["port"])}


def test_it_destroys_the_keys_of_old_backups(kontakt: RunningKontakt) -> None:
    """The key file was made forty days ago; our proposal is thirty days."""
    oldest = day_of(datetime.now(UTC)) - timedelta(days=30)
    _wait_for(lambda: backup_keys.load(kontakt.var / "keys").day >= oldest, 30)
    assert backup_keys.load(kontakt.var / "keys").day <= oldest + timedelta(days=1)
    _wait_for(lambda: '"backups.expired"' in kontakt.printed, 30)


def test_the_nlu_process_knows_no_secret_of_ours(kontakt: RunningKontakt) -> None:
    environment = Path(f"/proc/{_nlu_pid(kontakt)}/environ").read_bytes()
    names = {entry.split(b"=")[0].decode() for entry in environment.split(b"\0") if entry}
    assert "PATH" in names
    assert {name for name in names if name.startswith("KONTAKT_") or name == "A_SECRET"} == set()
    command = Path(f"/proc/{_nlu_pid(kontakt)}/cmdline").read_bytes()
    assert json.loads((kontakt.var / "run" / "nlu.json").read_bytes())["token"].encode() not in command


def test_doctor_is_content_while_it_runs(kontakt: RunningKontakt) -> None:
    done = kontakt.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Kontakt is running" in done.stdout


def test_without_the_nlu_process_menus_go_on_and_it_comes_back_by_itself(kontakt: RunningKontakt) -> None:
    resident, killed = Resident(kontakt), _nlu_pid(kontakt)
    os.kill(killed, signal.SIGKILL)
    assert "kontaktgrupp" in resident.reads(choice="t:what_is:kontaktgrupp")
    assert SAY("out.nlu_down") in resident.reads(text="Vad kostar det att vara med i gruppen?")
    _wait_for(lambda: (kontakt.var / "run" / "nlu.json").exists() and _nlu_pid(kontakt) != killed, 90)
    kontakt.wait_until_free_text()
    assert "kostar" in resident.reads(text="Vad kostar kontaktgruppen?")
    assert SAY("out.nlu_down") not in resident.reads(text="Hur ofta träffas man i kontaktgruppen?")


def test_a_municipality_in_the_link_is_the_conversations(kontakt: RunningKontakt) -> None:
    """Until the resident names another; opening the page alone stores nothing."""
    resident = Resident(kontakt, "?kommun=sala")
    assert "sala.se" in resident.reads(choice="c:human")
    assert "kramfors.se" not in resident.reads(choice="c:human")
    resident.say(choice="m:kramfors")
    assert "kramfors.se" in resident.reads(choice="c:human")


def test_the_log_is_json_lines_without_what_residents_write(kontakt: RunningKontakt) -> None:
    resident = Resident(kontakt)
    for choice in ("m:sala", "f:kontakta_mig", "Nej", "Ring mig"):
        resident.say(choice=choice)
    assert resident.say(text="070-174 06 33")["draft"]["slot"] == "basta_tid"
    resident.say(text="Fråga efter Yasmin Testdotter.")
    with pytest.raises(urllib.error.HTTPError):
        resident.browser.open(f"{kontakt.web}/Yasmin?namn=Testdotter", b"{Yasmin", timeout=10)
    os.kill(_nlu_pid(kontakt), signal.SIGKILL)
    _wait_for(lambda: '"nlu.stopped"' in kontakt.printed.splitlines()[-1], 30)
    events = []
    for line in kontakt.printed.splitlines():
        if not line.startswith(ANNOUNCED):
            event = json.loads(line)
            events.append(event["event"])
            assert {"level", "timestamp"} <= event.keys()
    assert "nlu.stopped" in events
    for typed in ("Yasmin", "Testdotter", "174 06 33", "1740633"):
        assert typed not in kontakt.printed


# -- how it starts and stops ---------------------------------------------------------------------------------------


def test_menus_answer_soon_after_the_start_and_ctrl_c_ends_it_while_it_warms_up(
    make_kontakt: Start, record_property: Callable[[str, object], None]
) -> None:
    """On a quiet machine three seconds are the aim; the figure is kept with the results."""
    running = make_kontakt()
    running.wait_until_up()
    answered = Resident(running).reads(choice="t:what_is:kontaktgrupp")
    seconds = time.monotonic() - running.started_at
    record_property("seconds_to_first_menu_answer", round(seconds, 2))
    print(f"first menu answer {seconds:.2f} s after the command")
    assert "kontaktgrupp" in answered
    assert seconds < 15
    _wait_for(lambda: len(processes_of(running.var)) == 2, 10)
    assert running.stop(signal.SIGINT) < 10
    assert running.process.returncode == 0
    assert processes_of(running.var) == {}


def test_sigterm_ends_everything_whatever_is_under_way(make_kontakt: Start) -> None:
    """Connections that are open, or that send their request a piece at a time, do not hold it up."""
    running = make_kontakt()
    running.wait_until_up()
    running.wait_until_free_text()
    with socket.create_connection(("127.0.0.1", running.web_port)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 204")
        with socket.create_connection(("127.0.0.1", running.web_port)) as slow:
            slow.sendall(b"POST /turn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            assert running.stop(signal.SIGTERM) < 10
    assert running.process.returncode == 0
    assert processes_of(running.var) == {}
    assert list((running.var / "run").iterdir()) == []
    for suffix in ("-wal", "-shm"):
        assert not (running.var / f"kontakt.db{suffix}").exists()


def test_a_crash_leaves_no_process_and_no_damage(make_kontakt: Start) -> None:
    running = make_kontakt()
    running.wait_until_up()
    Resident(running).say(choice="m:sala")
    _wait_for(lambda: len(processes_of(running.var)) == 2, 10)
    running.stop(signal.SIGKILL)
    seconds_until_gone(running.var, 10)
    Database(f"sqlite:///{running.var / 'kontakt.db'}", load_keys(running.var / "keys")).close()


STARTER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from running_kontakt import RunningKontakt
RunningKontakt(Path(sys.argv[2]), Path(sys.argv[3]), "--stop-with-parent").wait_until_up()
print("up", flush=True)
time.sleep(600)
"""


def test_it_stops_when_the_one_that_started_it_is_killed(tmp_path: Path, nlu_model: Path) -> None:
    arguments = [str(Path(__file__).parent), str(tmp_path / "var"), str(nlu_model)]
    root = {"PYTHONPATH": str(Path(__file__).parents[1])}
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, *arguments], env={**os.environ, **root}, stdout=subprocess.PIPE
    )
    with starter:
        try:
            assert starter.stdout is not None
            assert starter.stdout.readline() == b"up\n"
            _wait_for(lambda: len(processes_of(tmp_path / "var")) == 3, 10)
        finally:
            starter.kill()
    seconds_until_gone(tmp_path / "var", 10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_training_that_is_interrupted_leaves_no_process(tmp_path: Path, number: int) -> None:
    environment = {"PATH": os.environ["PATH"], "KONTAKT_VAR": str(tmp_path / "var")}
    with subprocess.Popen([*KONTAKT, "train"], env=environment, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"reading examples\n"
        assert len(processes_of(tmp_path / "var")) == 2
        process.send_signal(number)
        seconds_until_gone(tmp_path / "var", 10)
    assert process.returncode != 0


class CannotStart:
    """A child process that is gone and does not come back."""

    def __init__(self) -> None:
        self.tried = 0

    def alive(self) -> bool:
        return False

    def start(self) -> None:
        self.tried += 1
        raise NluProcessError("the NLU environment is missing")

    def stop(self) -> None:
        pass


def test_an_nlu_process_that_cannot_be_started_ends_nothing_and_is_not_tried_all_the_time() -> None:
    """First after two seconds, next three seconds later."""
    process = CannotStart()

    async def watch() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(4, stop.set)
        await serving.keep_running(process, stop)

    # In a thread of its own: the browser tests keep an event loop in this one.
    thread = threading.Thread(target=asyncio.run, args=(watch(),))
    thread.start()
    thread.join()
    assert process.tried == 1
