"""Telegram's own servers, pretended: a small Bot API on loopback, spoken to over real HTTP (or HTTPS).

It keeps updates until an offset acknowledges them or the webhook took them, as Telegram does, lets only one poll at a
time, and can be made to fail in every way that a network can. Beside it: the channel, running against it.
"""

import asyncio
import contextlib
import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.channels import telegram
from bot.channels.telegram_answering import Respond
from bot.turn import Reply, Response, Turn
from storage import conversations
from storage.database import Database
from storage.deliveries import Outgoing

TOKEN = "123456:TEST-TOKEN-FOR-LOOPBACK"
ME = {"id": 1, "is_bot": True, "first_name": "Kontakt", "username": "kontakt_test_bot"}


@dataclass
class Fault:
    """What goes wrong, with which calls (None: all), how often (None: until `heal`).

    `how`: status, reset, garbage, odd (JSON of another shape), truncated, slow (the answer comes in drops) or hang.
    `after`: what was asked is done first, and only the answer is lost.
    """

    how: str
    method: str | None = None
    chat: int | None = None
    times: int | None = None
    after: bool = False
    seconds: float = 60.0
    status: int = 500
    body: dict[str, Any] = field(default_factory=dict)
    healed: threading.Event = field(default_factory=threading.Event)

    def hits(self, method: str, chat: int | None) -> bool:
        """Whether this call goes wrong."""
        fits = self.method in (None, method) and self.chat in (None, chat)
        if not fits or self.times == 0 or self.healed.is_set():
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FakeTelegram:
    """A Bot API server. `say`, `tap` … are what residents do; `sent` is what the bot sent to a chat."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._lock = threading.Condition()
        self._updates: list[dict[str, Any]] = []
        self._next_id = 1000
        self._polls = 0
        self.conflicts = 0
        self._faults: list[Fault] = []
        self._closed = threading.Event()
        self.tls = tls
        self.messages: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.arrivals: dict[int, list[float]] = defaultdict(list)
        self.calls: list[str] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.paths: list[str] = []
        self.offset = 0
        self.webhook: dict[str, Any] = {"url": ""}
        self.webhook_answers: list[int] = []
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.tls_of = lambda: self.tls
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        threading.Thread(target=self._push, daemon=True).start()

    @property
    def base_url(self) -> str:
        """What the bot is given instead of Telegram's address."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._server.server_port}/bot"

    def close(self) -> None:
        """Stop answering."""
        self._closed.set()
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    # -- what residents do -----------------------------------------------------------------------------------------

    def update(self, content: dict[str, Any]) -> int:
        """Queue an update; gives its id."""
        with self._lock:
            self._next_id += 1
            self._updates.append({"update_id": self._next_id, **content})
            self._lock.notify_all()
            return self._next_id

    def again(self, update_id: int, content: dict[str, Any]) -> None:
        """Queue an update under an id that was used before."""
        with self._lock:
            self._updates.append({"update_id": update_id, **content})
            self._lock.notify_all()

    def say(self, chat: int, text: str) -> int:
        """A text in a private chat."""
        return self.update({"message": message(chat, text=text)})

    def tap(self, chat: int, label: str) -> int:
        """A tap on the newest button with this label."""
        data = next(
            button["callback_data"]
            for sent in reversed(self.messages[chat])
            for row in sent.get("reply_markup", {}).get("inline_keyboard", [])
            for button in row
            if button["text"] == label
        )
        return self.tap_id(chat, data)

    def tap_id(self, chat: int, data: str) -> int:
        """A tap on a button with this data."""
        query = {"id": str(time.monotonic_ns()), "from": person(chat), "chat_instance": "1", "data": data}
        return self.update({"callback_query": {**query, "message": message(chat, text="…")}})

    def texts(self, chat: int) -> list[str]:
        """The texts sent to a chat so far."""
        return [sent["text"] for sent in list(self.messages[chat])]

    def wait_for(self, chat: int, words: str, seconds: float = 20.0, after: int = 0) -> str:
        """The first message to `chat` (from the `after`th) with `words` in it. Fails when none comes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = next((text for text in self.texts(chat)[after:] if words in text), None)
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"no message with {words!r} to chat {chat}: {self.texts(chat)[after:]}")

    # -- what goes wrong -------------------------------------------------------------------------------------------

    def fail(self, method: str, status: int, **body: Any) -> None:
        """Answer the next call of `method` with an error."""
        self.fault(Fault("status", method, times=1, status=status, body=body))

    def fault(self, fault: Fault) -> Fault:
        """Something goes wrong from now on."""
        self._faults.append(fault)
        return fault

    def heal(self) -> None:
        """Everything is well again, also what is hanging or dripping just now."""
        for fault in self._faults:
            fault.healed.set()
        self._faults = []

    # -- what the bot asks -----------------------------------------------------------------------------------------

    def faulty(self, method: str, values: dict[str, Any]) -> Fault | None:
        """What goes wrong with this call."""
        chat = int(values["chat_id"]) if "chat_id" in values else None
        return next((fault for fault in list(self._faults) if fault.hits(method, chat)), None)

    def answer(self, method: str, values: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The HTTP status and body for one call."""
        results: dict[str, Callable[[], Any]] = {
            "getMe": lambda: ME,
            "getUpdates": lambda: self._get_updates(values),
            "sendMessage": lambda: self._send(values),
            "setWebhook": lambda: self._set_webhook(values),
            "deleteWebhook": lambda: self._set_webhook({"url": ""}),
            "getWebhookInfo": lambda: {
                "url": self.webhook["url"], "has_custom_certificate": False, "pending_update_count": len(self._updates)
            },
        }  # fmt: skip
        result = results.get(method, lambda: True)()
        if result is None:
            return 409, {"ok": False, "error_code": 409, "description": "Conflict: another one asks, or a webhook"}
        return 200, {"ok": True, "result": result}

    def _get_updates(self, values: dict[str, Any]) -> list[dict[str, Any]] | None:
        """What waits; None when there is a webhook, or when another request for updates comes meanwhile."""
        deadline = time.monotonic() + min(float(values.get("timeout", 0)), 0.5)
        with self._lock:
            self._polls += 1
            mine = self._polls
            self._lock.notify_all()
            if self.webhook["url"]:
                return None
            self.offset = max(self.offset, int(values.get("offset", 0)))
            self._updates = [update for update in self._updates if update["update_id"] >= self.offset]
            while not self._updates and time.monotonic() < deadline and mine == self._polls:
                self._lock.wait(deadline - time.monotonic())
            if mine != self._polls or self.webhook["url"]:
                self.conflicts += mine != self._polls
                return None
            return self._updates[: int(values.get("limit", 100))]

    def _send(self, values: dict[str, Any]) -> dict[str, Any]:
        chat = int(values["chat_id"])
        markup = values.get("reply_markup")
        self.messages[chat].append({"text": values["text"], **({"reply_markup": markup} if markup else {})})
        self.arrivals[chat].append(time.monotonic())
        return message(chat, text=values["text"])

    def _set_webhook(self, values: dict[str, Any]) -> bool:
        with self._lock:
            self.webhook = values
            self._lock.notify_all()
        return True

    # -- what it posts to the webhook ------------------------------------------------------------------------------

    def _push(self) -> None:
        """Post what waits, one after the other, each until it is taken."""
        while not self._closed.is_set():
            with self._lock:
                if not (self._updates and self.webhook["url"]):
                    self._lock.wait(0.1)
                    continue
                update, hook = self._updates[0], dict(self.webhook)
            status = post(hook["url"], json.dumps(update).encode(), hook.get("secret_token"))
            self.webhook_answers.append(status)
            if 200 <= status < 300:
                with self._lock:
                    self._updates = [other for other in self._updates if other is not update]
            else:
                time.sleep(0.1)


def post(url: str, body: bytes, secret: str | None, method: str = "POST", **headers: str) -> int:
    """The status that a webhook answers with; 0 when it cannot be reached."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    if secret is not None:
        headers["X-Telegram-Bot-Api-Secret-Token"] = secret
    try:
        connection.request(method, address.path, body, headers)
        answer = connection.getresponse()
        assert answer.read() == b"" or answer.status == 404, "a webhook's answer has no body"
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


@contextlib.contextmanager
def channel_running(fake: FakeTelegram, respond: Respond, database: Database, **given: Any) -> Iterator[None]:
    """The channel, running in a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    values = {"token": TOKEN, "base_url": fake.base_url, "respond": respond, "database": database, **given}
    thread = threading.Thread(target=lambda: loop.run_until_complete(telegram.run(stop, **values)), daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(15)
        assert not thread.is_alive()
        loop.close()


def echo(database: Database, seconds: Callable[[Turn], float] = lambda turn: 0.0) -> Respond:
    """The shortest dialogue there can be: answers "svar …" after so many seconds, and saves it as a turn is saved."""

    def respond(turn: Turn) -> Response:
        time.sleep(seconds(turn))
        response = Response((Reply(f"svar {turn.text}"),), "sv")
        before = conversations.find(database, turn.channel, turn.sender)
        replies = [Outgoing(turn.reply_to or "", reply) for reply in response.to_json()["replies"]]
        conversations.save(
            database,
            before,
            before,
            message_id=turn.message_id,
            response=response.to_json(),
            at=turn.received_at,
            outbox=replies,
        )
        return response

    return respond


def until(check: Callable[[], bool], seconds: float = 10.0) -> float:
    """Wait for something to become true; how long that took."""
    began = time.monotonic()
    while not check():
        assert time.monotonic() - began < seconds, "it never happened"
        time.sleep(0.02)
    return time.monotonic() - began


def person(chat: int) -> dict[str, Any]:
    """Somebody in Telegram."""
    return {"id": chat, "is_bot": False, "first_name": "Telegramnamnet"}


def message(chat: int, kind: str = "private", **content: Any) -> dict[str, Any]:
    """A message as Telegram sends it."""
    place = {"id": chat, "type": kind, **({"title": "En grupp"} if kind != "private" else {})}
    return {"message_id": 1, "date": int(time.time()), "chat": place, "from": person(abs(chat)), **content}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tls_of: Callable[[], ssl.SSLContext | None]

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if tls := self.tls_of():
            connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections break on purpose."""


class _Handler(BaseHTTPRequestHandler):
    fake: FakeTelegram
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.fake.paths.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        values: dict[str, Any] = {name: _value(found[0]) for name, found in parse_qs(body).items()}
        method = self.path.rsplit("/", 1)[1]
        self.fake.calls.append(method)
        self.fake.asked.append((method, values))
        fault = self.fake.faulty(method, values)
        if fault is None:
            self._give(*self.fake.answer(method, values))
            return
        if fault.after:
            self.fake.answer(method, values)
        with contextlib.suppress(OSError):
            self._go_wrong(fault)

    def _give(self, status: int, answer: Any) -> None:
        data = json.dumps(answer).encode()
        self._head(status, len(data))
        self.wfile.write(data)

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _go_wrong(self, fault: Fault) -> None:
        good = json.dumps({"ok": True, "result": []}).encode()
        self.close_connection = fault.how != "status"
        if fault.how == "status":
            error = {"ok": False, "error_code": fault.status, "description": "made to fail", **fault.body}
            self._give(fault.status, error)
        elif fault.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault.how == "garbage":
            self._head(200, 30)
            self.wfile.write(b"<html>\xff\xfe Logga in h\xe4r</html>".ljust(30))
        elif fault.how == "odd":
            self._give(200, ["inte", "som", "det ska vara"])
        elif fault.how == "truncated":
            self._head(200, len(good))
            self.wfile.write(good[:7])
        elif fault.how == "slow":
            self._head(200, len(good))
            for byte in good:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if fault.healed.wait(fault.seconds / len(good)):
                    break
        else:
            fault.healed.wait(fault.seconds)

    do_GET = do_POST  # noqa: N815  http.server finds it by this name

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _value(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in "{[" else text
    except ValueError:
        return text
