"""The client against servers that fail in every way: NluUnavailableError, quickly, and nothing else."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.client import LONGEST, NluClient, NluUnavailableError, Understanding, _read_understanding, clean

GOOD: dict[str, Any] = {
    "intent": {"name": "ask_cost", "confidence": 0.9},
    "ranking": [{"name": "ask_cost", "confidence": 0.9}, {"name": "ask_pay", "confidence": 0.05}],
    "entities": [{"name": "service", "value": "kontaktfamilj", "text": "stödfamilj", "start": 3, "end": 13}],
}


@contextmanager
def answering(run_file: Path, status: int, *parts: bytes, pause: float = 0.0) -> Iterator[list[str]]:
    """A server that answers every request with these parts; gives the list of paths asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            try:
                for part in parts:
                    self.wfile.write(part)
                    self.wfile.flush()
                    time.sleep(pause)
            except OSError:
                return

        def do_GET(self) -> None:
            self.headers["Content-Length"] = "0"
            self.do_POST()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    run_file.write_text(json.dumps({"port": server.server_address[1], "token": "t", "pid": 1}))
    yield asked
    server.shutdown()
    server.server_close()


def test_a_good_answer_is_read(tmp_path: Path) -> None:
    run_file = tmp_path / "nlu.json"
    with answering(run_file, 200, json.dumps(GOOD).encode()):
        understood = NluClient(run_file).understand("hej")
    assert understood.intent == "ask_cost"
    assert understood.ranking == (("ask_cost", 0.9), ("ask_pay", 0.05))
    assert understood.values("service") == ("kontaktfamilj",)


def _with(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


BAD_ANSWERS = {
    "empty": b"",
    "not json": b"<html>",
    "not utf-8": b"\xff\xfe",
    "cut": _with()[:-5],
    "list": b"[]",
    "null": b"null",
    "nothing": b"{}",
    "deep": b"[" * 200_000,
    "too much": b" " * 300_000 + _with(),
    "NaN": _with(intent={"name": "ask_cost", "confidence": float("nan")}),
    "over one": _with(intent={"name": "ask_cost", "confidence": 1.5}),
    "negative": _with(intent={"name": "ask_cost", "confidence": -0.1}),
    "text as number": _with(intent={"name": "ask_cost", "confidence": "0.9"}),
    "truth as number": _with(intent={"name": "ask_cost", "confidence": True}),
    "no name": _with(intent={"name": None, "confidence": 0.9}),
    "odd name": _with(intent={"name": "Ask Cost!", "confidence": 0.9}),
    "huge name": _with(intent={"name": "a" * 1000, "confidence": 0.9}),
    "intent is text": _with(intent="ask_cost"),
    "no ranking": json.dumps({key: GOOD[key] for key in ("intent", "entities")}).encode(),
    "ranking is text": _with(ranking="abc"),
    "long ranking": _with(ranking=GOOD["ranking"] * 100),
    "bad entity": _with(entities=[{"name": "service"}]),
    "entity is number": _with(entities=[5]),
    "entity backwards": _with(entities=[GOOD["entities"][0] | {"start": 9, "end": 3}]),
    "entity far away": _with(entities=[GOOD["entities"][0] | {"end": 10**9}]),
    "entity value is list": _with(entities=[GOOD["entities"][0] | {"value": []}]),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_is_no_answer(tmp_path: Path, answer: bytes) -> None:
    run_file = tmp_path / "nlu.json"
    with answering(run_file, 200, answer), pytest.raises(NluUnavailableError):
        NluClient(run_file).understand("hej")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["intent", "ranking", "entities", "name", "confidence", "value"]), inner)
        ),
        max_leaves=20,
    )
)
def test_any_json_is_read_or_refused(content: Any) -> None:
    with contextlib.suppress(NluUnavailableError):
        assert isinstance(_read_understanding(content), Understanding)


@pytest.mark.parametrize("status", [204, 301, 400, 401, 404, 413, 500, 503])
def test_any_other_status_is_no_answer(tmp_path: Path, status: int) -> None:
    run_file = tmp_path / "nlu.json"
    with answering(run_file, status, json.dumps(GOOD).encode()), pytest.raises(NluUnavailableError):
        NluClient(run_file).understand("hej")


def test_nobody_waits_longer_than_the_timeout(tmp_path: Path) -> None:
    run_file = tmp_path / "nlu.json"
    drops = [b" "] * 100
    with answering(run_file, 200, *drops, pause=0.1):
        started = time.monotonic()
        with pytest.raises(NluUnavailableError):
            NluClient(run_file, timeout=0.5).understand("hej")
        assert time.monotonic() - started < 1.5


def test_a_server_that_says_nothing_is_left(tmp_path: Path) -> None:
    run_file = tmp_path / "nlu.json"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        run_file.write_text(json.dumps({"port": silent.getsockname()[1], "token": "t", "pid": 1}))
        with pytest.raises(NluUnavailableError):
            NluClient(run_file, timeout=0.3).understand("hej")


RUN_FILES = [
    None,
    "",
    "{",
    "[]",
    "{}",
    '{"port": 1}',
    '{"port": "80", "token": "t"}',
    '{"port": 0, "token": "t"}',
    '{"port": true, "token": "t"}',
    '{"port": 99999, "token": "t"}',
    '{"port": 1, "token": "a\\r\\nb"}',
    '{"port": 1, "token": 5}',
    '{"port": 1, "token": "t"}',
]


@pytest.mark.parametrize("content", RUN_FILES)
def test_a_missing_or_odd_run_file_means_unavailable_at_once(tmp_path: Path, content: str | None) -> None:
    run_file = tmp_path / "nlu.json"
    if content is not None:
        run_file.write_text(content)
    client = NluClient(run_file)
    started = time.monotonic()
    with pytest.raises(NluUnavailableError):
        client.understand("hej")
    assert not client.ready()
    assert time.monotonic() - started < 0.5


def test_after_five_failures_it_is_left_alone_for_half_a_minute(tmp_path: Path) -> None:
    run_file = tmp_path / "nlu.json"
    now = [0.0]
    client = NluClient(run_file, clock=lambda: now[0])

    def fails() -> None:
        with pytest.raises(NluUnavailableError):
            client.understand("hej")

    with answering(run_file, 500) as asked:
        for _ in range(8):
            fails()
        assert len(asked) == 5
        now[0] = 29.9
        fails()
        assert len(asked) == 5
        now[0] = 30.1
        fails()
        assert len(asked) == 6, "one try after the rest"
        fails()
        assert len(asked) == 6, "which failed, so another rest"
    with answering(run_file, 200, json.dumps(GOOD).encode()):
        now[0] = 61.0
        assert client.understand("hej").intent == "ask_cost"
        assert client.understand("hej").intent == "ask_cost"


def test_ready_closes_the_breaker(tmp_path: Path) -> None:
    run_file = tmp_path / "nlu.json"
    client = NluClient(run_file)
    for _ in range(5):
        with pytest.raises(NluUnavailableError):
            client.understand("hej")
    with answering(run_file, 200, b'{"status": "ok"}'):
        assert client.ready()
    with answering(run_file, 200, json.dumps(GOOD).encode()):
        assert client.understand("hej").intent == "ask_cost"


def test_the_text_is_in_no_error(tmp_path: Path) -> None:
    run_file = tmp_path / "nlu.json"
    with answering(run_file, 200, "kanariefågel".encode()), pytest.raises(NluUnavailableError) as failed:
        NluClient(run_file).understand("kanariefågel")
    assert "kanarie" not in str(failed.value)
    assert failed.value.__cause__ is None


@given(st.text(max_size=3000) | st.text(st.characters(codec=None), max_size=50))
def test_a_clean_text_can_be_sent(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= LONGEST
    assert json.loads(json.dumps(cleaned).encode("utf-8")) == cleaned
    cleaned.encode("utf-8")
    assert "\0" not in cleaned
    assert "\u202e" not in cleaned


def test_of_a_long_text_the_beginning_and_the_end_are_kept() -> None:
    cleaned = clean("BÖRJAN " + "mitten " * 20_000 + "SLUTET")
    assert cleaned.startswith("BÖRJAN")
    assert cleaned.endswith("SLUTET")
    assert len(cleaned) == LONGEST
