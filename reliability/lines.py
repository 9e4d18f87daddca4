"""How a resident reaches Kontakt: the web chat over HTTP, or Telegram through the pretended Bot API.

Each line sends as the real thing does. The page sends a message again under the same id until it is answered; Telegram
hands an update over until it is acknowledged.
"""

import http.client
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from tests.fake_telegram import FakeTelegram, message, person

AGAIN_SECONDS = 0.15
"""Before the page sends again; the real one waits half a second, or until "Försök nu" is tapped."""
LIMIT_SECONDS = 300.0
"""How long a resident waits for one reply, however often the service is killed meanwhile."""
TWICE = 0.05
"""How often a message that was answered is sent once more."""


class LineError(Exception):
    """Something came that should not have, or nothing came."""


@dataclass(frozen=True)
class Heard:
    """One reply as it reaches a resident: text, and buttons as (id, label)."""

    text: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass
class Sent:
    """One message of a resident, and whether they were told that it has arrived."""

    message_id: str
    acknowledged: bool = False


Wanted = Callable[[Heard], bool]
Answered = Callable[[str], None]


class Line(Protocol):
    """A conversation's way to Kontakt and back."""

    channel: str
    sent: list[Sent]

    @property
    def sender(self) -> str:
        """Who it is, for the service."""

    def ask(self, said: Mapping[str, str], wanted: Wanted) -> Heard:
        """Send {"text": …} or {"choice": …} and give the reply that is `wanted`. Raises LineError."""

    def tell(self, said: Mapping[str, str]) -> None:
        """Send something as well, whatever is answered. Raises LineError."""

    def hang_up(self) -> None:
        """Nothing more is said for now."""


class WebLine:
    """A browser with its cookie; each has a network address of its own, as residents have."""

    channel = "web"

    def __init__(self, port: int, number: int, choose: random.Random, answered: Answered, away: str) -> None:
        """`answered` is called with the channel at each answer; `away`: what is said when nothing could be saved."""
        self._port, self._choose, self._answered, self._away = port, choose, answered, away
        self._address = f"127.0.{1 + number // 250}.{1 + number % 250}"
        self._connection: http.client.HTTPConnection | None = None
        self.cookie = ""
        self.sent: list[Sent] = []
        self.sender = ""
        self.server_errors = 0

    def ask(self, said: Mapping[str, str], wanted: Wanted) -> Heard:
        """One turn, sent until it is answered."""
        if not self.cookie:
            self._post("GET", "/", None)
        number = Sent(UUID(int=self._choose.getrandbits(128)).hex)
        self.sent.append(number)
        body = json.dumps({"message_id": number.message_id, **said}).encode()
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            answer = json.loads(self._post("POST", "/turn", body))
            heard = [_heard_on_the_web(reply) for reply in answer["replies"]]
            if any(self._away in reply.text for reply in heard):  # not saved, and said so: it is sent again
                time.sleep(AGAIN_SECONDS)
                continue
            number.acknowledged = True
            self._answered(self.channel)
            if self._choose.random() < TWICE and json.loads(self._post("POST", "/turn", body)) != answer:
                raise LineError("the same message again was not answered in the same way")
            found = next((reply for reply in heard if wanted(reply)), None)
            if found is None:
                raise LineError(f"another answer than awaited to {_of(said)}: {[reply.text for reply in heard]}")
            return found
        raise LineError(f"nothing could be saved for {LIMIT_SECONDS} s")

    def tell(self, said: Mapping[str, str]) -> None:
        """The same as asking: the page sends one message at a time."""
        self.ask(said, lambda heard: True)

    def _post(self, method: str, path: str, body: bytes | None) -> bytes:
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            try:
                status, content, wait = self._once(method, path, body)
            except (OSError, http.client.HTTPException):
                self.hang_up()
                time.sleep(AGAIN_SECONDS)
                continue
            if status == 200:
                return content
            if status < 500 and status != 429:
                raise LineError(f"{method} {path} was answered with status {status}")
            self.server_errors += status >= 500
            time.sleep(min(wait, 1.0))
        raise LineError(f"{method} {path} was not answered for {LIMIT_SECONDS} s")

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes, float]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=30, source_address=(self._address, 0)
            )
        headers = {"Origin": f"http://127.0.0.1:{self._port}", "Cookie": self.cookie}
        if body:
            headers["Content-Type"] = "application/json"
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if given := answer.getheader("Set-Cookie"):
            self.cookie = given.partition(";")[0]
        return answer.status, content, float(answer.getheader("Retry-After") or AGAIN_SECONDS)

    def hang_up(self) -> None:
        """Close the connection; the next message opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _heard_on_the_web(reply: Mapping[str, Any]) -> Heard:
    return Heard(reply["text"], tuple((choice["id"], choice["label"]) for choice in reply["choices"]))


class TelegramLine:
    """A private chat with the bot."""

    channel = "telegram"

    def __init__(self, fake: FakeTelegram, chat: int, choose: random.Random, answered: Answered) -> None:
        self._fake, self._chat, self._choose, self._answered = fake, chat, choose, answered
        self._seen = 0
        self.sender = str(chat)
        self.sent: list[Sent] = []

    def ask(self, said: Mapping[str, str], wanted: Wanted) -> Heard:
        """One message, and the wanted one of those that come after it."""
        start = len(self._fake.messages[self._chat])
        self.tell(said)
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            came = self._fake.messages[self._chat][start:]
            for heard in map(_heard_in_telegram, came):
                if wanted(heard):
                    self._answered(self.channel)
                    return heard
            time.sleep(0.02)
        came = self._fake.messages[self._chat][start:]
        raise LineError(f"not the awaited answer to {_of(said)}: {[sent['text'] for sent in came]}")

    def tell(self, said: Mapping[str, str]) -> None:
        """An update, and now and then the same one twice."""
        if "choice" in said:
            query = {"id": str(self._choose.getrandbits(48)), "from": person(self._chat), "chat_instance": "1"}
            content = {"callback_query": {**query, "data": said["choice"], "message": message(self._chat, text="…")}}
        else:
            content = {"message": message(self._chat, text=said["text"])}
        number = self._fake.update(content)
        self.sent.append(Sent(str(number)))
        if self._choose.random() < TWICE:
            self._fake.again(number, content)

    def hang_up(self) -> None:
        """Nothing is held open between messages."""

    @property
    def texts(self) -> list[str]:
        """Everything that was sent to this chat."""
        return self._fake.texts(self._chat)


def _heard_in_telegram(sent: Mapping[str, Any]) -> Heard:
    rows = sent.get("reply_markup", {}).get("inline_keyboard", [])
    return Heard(sent["text"], tuple((button["callback_data"], button["text"]) for row in rows for button in row))


def _of(said: Mapping[str, str]) -> str:
    return said.get("choice") or "a text"


class Answers:
    """When a turn was last answered on each channel, for the time that a restart takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._killed: dict[str, float] = {}
        self._how = ""
        self.turns = Counter[str]()
        self.seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
        """(how the service was started, channel) -> seconds from a kill to the next answer, each time."""

    def killed(self) -> None:
        """The service was killed just now."""
        with self._lock:
            self._killed = dict.fromkeys(("web", "telegram"), time.monotonic())

    def started(self, how: str) -> None:
        """It is started again."""
        self._how = how

    def answered(self, channel: str) -> None:
        """A turn was answered on a channel."""
        with self._lock:
            self.turns[channel] += 1
            killed = self._killed.pop(channel, None)
            if killed is not None:
                self.seconds[self._how, channel].append(time.monotonic() - killed)

    @property
    def all_well(self) -> bool:
        """Whether both channels have answered since the last kill."""
        return not self._killed
