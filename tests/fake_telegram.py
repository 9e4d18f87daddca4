"""Telegram's own servers, pretended: a small Bot API on loopback, spoken to over real HTTP.

It keeps updates until an offset acknowledges them, as Telegram does, and can answer with errors when told to.
"""

import json
import threading
import time
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TOKEN = "123456:TEST-TOKEN-FOR-LOOPBACK"
ME = {"id": 1, "is_bot": True, "first_name": "Kontakt", "username": "kontakt_test_bot"}


class FakeTelegram:
    """A Bot API server. `say`, `tap` … are what residents do; `sent` is what the bot sent to a chat."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._updates: list[dict[str, Any]] = []
        self._next_id = 1000
        self._errors: dict[str, deque[tuple[int, dict[str, Any]]]] = defaultdict(deque)
        self.messages: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.calls: list[str] = []
        self.paths: list[str] = []
        self.offset = 0
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        """What the bot is given instead of Telegram's address."""
        return f"http://127.0.0.1:{self._server.server_port}/bot"

    def close(self) -> None:
        """Stop answering."""
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

    def fail(self, method: str, status: int, **body: Any) -> None:
        """Answer the next call of `method` with an error."""
        self._errors[method].append(
            (status, {"ok": False, "error_code": status, "description": "made to fail", **body})
        )

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

    # -- what the bot asks -----------------------------------------------------------------------------------------

    def answer(self, method: str, values: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The HTTP status and body for one call."""
        self.calls.append(method)
        if self._errors[method]:
            return self._errors[method].popleft()
        results = {
            "getMe": lambda: ME,
            "getUpdates": lambda: self._get_updates(values),
            "sendMessage": lambda: self._send(values),
        }
        return 200, {"ok": True, "result": results.get(method, lambda: True)()}

    def _get_updates(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        deadline = time.monotonic() + min(float(values.get("timeout", 0)), 0.5)
        with self._lock:
            self.offset = max(self.offset, int(values.get("offset", 0)))
            self._updates = [update for update in self._updates if update["update_id"] >= self.offset]
            while not self._updates and time.monotonic() < deadline:
                self._lock.wait(deadline - time.monotonic())
            return list(self._updates)

    def _send(self, values: dict[str, Any]) -> dict[str, Any]:
        chat = int(values["chat_id"])
        markup = values.get("reply_markup")
        self.messages[chat].append({"text": values["text"], **({"reply_markup": markup} if markup else {})})
        return message(chat, text=values["text"])


def person(chat: int) -> dict[str, Any]:
    """Somebody in Telegram."""
    return {"id": chat, "is_bot": False, "first_name": "Telegramnamnet"}


def message(chat: int, kind: str = "private", **content: Any) -> dict[str, Any]:
    """A message as Telegram sends it."""
    place = {"id": chat, "type": kind, **({"title": "En grupp"} if kind != "private" else {})}
    return {"message_id": 1, "date": int(time.time()), "chat": place, "from": person(abs(chat)), **content}


class _Handler(BaseHTTPRequestHandler):
    fake: FakeTelegram
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.fake.paths.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        values: dict[str, Any] = {name: _value(found[0]) for name, found in parse_qs(body).items()}
        status, answer = self.fake.answer(self.path.rsplit("/", 1)[1], values)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST  # noqa: N815  http.server finds it by this name

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _value(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in "{[" else text
    except ValueError:
        return text
