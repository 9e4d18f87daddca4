"""The webhook over real HTTP: uvicorn on loopback, and a pretended Telegram that posts to it."""

import http.client
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
import uvicorn
from fake_telegram import TOKEN, FakeTelegram, Fault, channel_running, echo, message, post, until
from running_kontakt import free_port
from structlog.testing import capture_logs

import logs
from bot.channels.telegram_bot import UPDATES
from bot.channels.telegram_pace import Pace
from bot.channels.telegram_webhook import BODY_SECONDS, LARGEST_BODY, Webhook
from storage import deliveries
from storage.database import Database

SECRET = "hemlig-" + "s3cr3t_" * 5
CHAT = 7200
Message = MutableMapping[str, Any]


async def _site(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Any]) -> None:
    """What the webhook stands in front of."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"chatten"})


class Door:
    """A running webhook; `status` posts to it as anybody can."""

    def __init__(self, port: int) -> None:
        self.webhook = Webhook(f"http://127.0.0.1:{port}/telegram/in", SECRET)

    def status(self, body: bytes = b'{"update_id": 1}', secret: str | None = SECRET, **given: str) -> int:
        return post(self.webhook.url, body, secret, **given)


@contextmanager
def _served(door: Door, port: int) -> Iterator[None]:
    config = uvicorn.Config(
        door.webhook.in_front_of(_site), host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    yield
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def door() -> Iterator[Door]:
    port = free_port()
    made = Door(port)
    with _served(made, port):
        yield made


@pytest.fixture
def fake() -> Iterator[FakeTelegram]:
    server = FakeTelegram()
    yield server
    server.close()


@pytest.fixture
def taken(door: Door) -> list[dict[str, Any]]:
    """The updates that come through the door."""
    found: list[dict[str, Any]] = []

    async def take(update: dict[str, Any]) -> None:
        found.append(update)

    door.webhook.connect(take)
    return found


@pytest.mark.parametrize(
    "secret",
    [None, "", "fel", SECRET[:-1], SECRET + "x", SECRET.upper(), "å", " " + SECRET[1:]],
    ids=["none", "empty", "wrong", "too short", "too long", "capitals", "not ASCII", "space"],
)
def test_without_the_secret_nobody_comes_in(door: Door, taken: list[dict[str, Any]], secret: str | None) -> None:
    value = None if secret is None else secret.encode().decode("latin-1")
    assert door.status(secret=value) == 403
    assert door.status(b"x" * (LARGEST_BODY + 1), secret=value) in (403, 0)
    assert taken == []


def test_two_secrets_are_none(door: Door, taken: list[dict[str, Any]]) -> None:
    name = "X-Telegram-Bot-Api-Secret-Token"
    connection = http.client.HTTPConnection("127.0.0.1", int(door.webhook.url.split(":")[2].split("/")[0]), timeout=5)
    connection.putrequest("POST", "/telegram/in")
    for value in (SECRET, SECRET):
        connection.putheader(name, value)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()
    assert taken == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"update_id": 1}', 200),
        (json.dumps({"update_id": 2, "message": {"text": "å" * 4096}}).encode(), 200),
        (b'{"update_id": 3, "x": "' + b"y" * (LARGEST_BODY - 25) + b'"}', 200),
        (b'{"update_id": 4, "x": "' + b"y" * LARGEST_BODY + b'"}', 413),
        (b"", 400),
        (b"hej", 400),
        (b"\xff\xfe", 400),
        (b"[1]", 400),
        (b"{}", 400),
        (b'{"update_id": "1"}', 400),
        (b'{"update_id": true}', 400),
        (b"[" * 100_000, 400),
    ],
    ids=["update", "å", "largest", "too large", "empty", "text", "not UTF-8", "list", "no id", "text as id",
         "true as id", "deep"],
)  # fmt: skip
def test_only_an_update_is_taken(door: Door, taken: list[dict[str, Any]], body: bytes, status: int) -> None:
    assert door.status(body) == status
    assert len(taken) == (status == 200)


def test_a_body_without_an_announced_length_has_the_same_limit(door: Door, taken: list[dict[str, Any]]) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(40):
            yield b"y" * 65536

    connection = http.client.HTTPConnection(door.webhook.url.split("/")[2], timeout=10)
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Transfer-Encoding": "chunked"}
    connection.request("POST", "/telegram/in", parts(), headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    assert taken == []


def test_what_is_not_posted_is_refused_and_other_paths_are_the_sites(door: Door, taken: list[dict[str, Any]]) -> None:
    assert door.status(method="GET") == 405
    for path in ("/", "/telegram/in/", "/telegram", "/TELEGRAM/IN"):
        assert post(door.webhook.url.replace("/telegram/in", path), b'{"update_id": 1}', SECRET) == 404
    assert taken == []


def test_a_body_that_never_ends_is_given_up(door: Door, taken: list[dict[str, Any]]) -> None:
    port = int(door.webhook.url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=BODY_SECONDS + 10) as connection:
        head = f"POST /telegram/in HTTP/1.1\r\nHost: x\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n"
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in connection.recv(100)
    assert taken == []


def test_before_the_channel_runs_telegram_is_asked_to_come_again(door: Door) -> None:
    assert door.status() == 503


def test_the_update_is_in_the_inbox_before_it_is_acknowledged(
    door: Door, fake: FakeTelegram, database: Database
) -> None:
    """Looked at after each answer, while what answers the messages stands still."""
    stands_still = threading.Event()
    with channel_running(
        fake, echo(database, lambda turn: float(stands_still.wait(20)) * 0), database, webhook=door.webhook
    ):
        until(lambda: fake.webhook["url"] != "")
        for number in range(5):
            update = {"update_id": number, "message": message(CHAT, text=f"{number}")}
            assert [door.status(json.dumps(update).encode()) for _ in range(3)] == [200, 200, 200]
            assert len(deliveries.waiting(database, "telegram")) == number + 1
        stands_still.set()
        until(lambda: len(fake.texts(CHAT)) == 5)
    assert fake.texts(CHAT) == [f"svar {number}" for number in range(5)]


def test_telegram_is_told_the_address_and_what_waits_is_kept(
    door: Door, fake: FakeTelegram, database: Database
) -> None:
    for number in range(20):
        fake.say(CHAT + number % 4, f"{number}")
    with channel_running(fake, echo(database), database, webhook=door.webhook):
        until(lambda: sum(len(fake.texts(CHAT + chat)) for chat in range(4)) == 20)
        values = dict(fake.webhook)
    assert (values["url"], values["secret_token"]) == (door.webhook.url, SECRET)
    assert tuple(values["allowed_updates"]) == UPDATES
    assert values["drop_pending_updates"] in ("False", "false", False)
    assert "getUpdates" not in fake.calls
    assert fake.texts(CHAT) == [f"svar {number}" for number in range(0, 20, 4)]


def test_a_group_is_left_and_a_spinner_stopped(door: Door, fake: FakeTelegram, database: Database) -> None:
    with channel_running(fake, echo(database), database, webhook=door.webhook):
        for _ in range(5):
            fake.update({"message": message(-500, kind="supergroup", text="hej")})
        fake.tap_id(CHAT, "c:help")
        until(lambda: {"leaveChat", "answerCallbackQuery"} <= set(fake.calls))
        until(lambda: len(fake.texts(CHAT)) == 1)
    assert 1 <= len(fake.texts(-500)) <= 2


def test_a_forgotten_webhook_is_set_again(door: Door, fake: FakeTelegram, database: Database) -> None:
    with (
        capture_logs() as logged,
        channel_running(fake, echo(database), database, webhook=door.webhook, pace=Pace(webhook_check=0.1)),
    ):
        until(lambda: fake.webhook["url"] != "")
        fake.webhook = {"url": "https://example.com/annan"}
        until(lambda: fake.webhook["url"] == door.webhook.url)
    assert "telegram.webhook_lost" in {one["event"] for one in logged}


def test_polling_takes_the_webhook_away_first(fake: FakeTelegram, database: Database) -> None:
    fake.webhook = {"url": "http://127.0.0.1:1/borta"}
    fake.say(CHAT, "hej")
    with channel_running(fake, echo(database), database):
        fake.wait_for(CHAT, "svar hej")
        fake.webhook = {"url": "http://127.0.0.1:1/igen"}
        fake.say(CHAT, "du")
        fake.wait_for(CHAT, "svar du")
    dropped = [values.get("drop_pending_updates") for method, values in fake.asked if method == "deleteWebhook"]
    assert len(dropped) >= 2 and set(dropped) <= {"False", "false", None}


def test_while_the_database_is_away_telegram_keeps_the_message(
    door: Door, fake: FakeTelegram, database: Database
) -> None:
    with channel_running(fake, echo(database), database, webhook=door.webhook):
        fake.say(CHAT, "först")
        fake.wait_for(CHAT, "svar först")
        fake.webhook_answers.clear()
        with database.transaction():  # nobody else can write meanwhile
            fake.say(CHAT, "sedan")
            until(lambda: 503 in fake.webhook_answers, 15)
        fake.wait_for(CHAT, "svar sedan", 20)
    assert fake.texts(CHAT) == ["svar först", "svar sedan"]


@pytest.mark.parametrize("secret", ["", "kort", "x" * 257, "å" * 40, "med mellanslag " * 4, "x" * 40 + "\n"])
def test_a_weak_secret_is_refused_and_not_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="32 to 256") as refused:
        Webhook("https://chatt.example.com/in", secret)
    assert secret == "" or secret not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["", "chatt.example.com/in", "ftp://x/in", "https:///in", "https://x/in?a=1", "https://x/#a"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Webhook(url, SECRET)


def test_neither_token_nor_secret_nor_messages_are_in_the_log(
    door: Door, fake: FakeTelegram, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    """All that goes to standard output and error, with every library at its most talkative."""
    before = structlog.get_config()
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    logs.configure()
    root.setLevel(logging.DEBUG)
    try:
        for fault in (Fault("garbage", times=2), Fault("status", times=1, status=401), Fault("odd", times=1)):
            fake.fault(fault)
        pace = Pace(webhook_check=0.1, refused_wait=0.1)
        with channel_running(fake, echo(database), database, webhook=door.webhook, pace=pace):
            until(lambda: fake.webhook["url"] != "")
            door.status(secret="fel-" + SECRET)
            door.status(b'{"update_id": 5, "message": "Amir"}')
            door.status(b'{"update_id": 6, "message": {"text": "Amir"}}')
            fake.say(CHAT, "Amir")
            fake.wait_for(CHAT, "svar Amir")
        printed = "".join(capfd.readouterr())
    finally:
        structlog.configure(**before)
        root.setLevel(level)
        root.handlers = handlers
    assert "telegram.poll_failed" in printed and "telegram.update_unreadable" in printed
    for canary in (TOKEN, TOKEN.split(":")[1], SECRET, "s3cr3t", "Amir"):
        assert canary not in printed
