"""Canaries in every field of every form, by every way in and through every kind of failure – and nowhere afterwards.

One life of a real `kontakt serve` with real people over HTTP and a pretended Telegram, its log at its most talkative.
The tests then look at what that life has left behind.
"""

import base64
import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, urlencode

import fake_telegram
import pytest
from canaries import Canaries, code_spellings, spellings
from canary_life import Life, begun, on_telegram, on_web, staff_of, wait_for_answer
from fake_telegram import Fault
from http_people import Resident, Staff
from nlu_ear import listening
from sqlalchemy import select

from forms.form import Form
from storage.database import Database
from storage.encryption import load_keys
from storage.rotation import _BESIDE, CONTEXTS

OUTSIDE = "outside a form"
HOOK = "https://127.0.0.1:1/telegram"
TRIGGERS = ("drafts", "submission_notes", "missed_questions")


# -- what happens ---------------------------------------------------------------------------------------------------


def forms_are_filled_in(life: Life, forms: Mapping[str, Form]) -> None:
    """Every question of every form, on the web and in Telegram; every second way is sent in, the others stay drafts."""

    def one(form: Form, way: int, number: int, channel: str) -> None:
        if channel == "web":
            say, tap = on_web(life.resident(places[form.id]))
        else:
            say, tap = on_telegram(life.fake, 50_000 + number, form)
            say(f"/start {places[form.id]}")
        asked = life.walker.fill(form, way, say, tap, send=number % 3 != 2)
        if asked.reference:
            life.references.append(asked.reference)

    places = {form.id: life.municipality_of(form) for form in forms.values()}
    ways = [(form, way) for form in forms.values() for way in life.walker.ways(form)]
    jobs = [(form, way, number, "web") for number, (form, way) in enumerate(ways)]
    jobs += [(form, way, 500 + number, "telegram") for number, (form, way) in enumerate(ways)]
    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(one, *job) for job in jobs]:
            done.result()


def things_are_said_where_they_do_not_belong(life: Life) -> None:
    """Personnummer and stories outside a form: gone from the inbox soon, and the resident told."""
    texts = {
        "a personnummer": life.canaries.personnummer(OUTSIDE),
        "a personnummer in a question": f"Gäller det mig, {life.canaries.personnummer(OUTSIDE)}?",
        "a story": life.canaries.story(OUTSIDE),
        "a question with a name": f"Vad kostar kontaktgruppen för {life.canaries.word(OUTSIDE)}?",
        "a status": f"status {life.canaries.word(OUTSIDE)}",
        "nonsense": f"{life.canaries.word(OUTSIDE)} {life.canaries.word(OUTSIDE)}",
        "danger": f"min man {life.canaries.word(OUTSIDE)} slår mig",
        "English": f"What does it cost for {life.canaries.word(OUTSIDE)}?",
        "too much": f"{life.canaries.word(OUTSIDE)} " * 400,
    }
    for number, (name, text) in enumerate(texts.items()):
        life.told[f"web, {name}"] = life.resident().reads(text=text)
        chat = 60_000 + number
        began = time.monotonic()
        life.fake.say(chat, text)
        wait_for_answer(life.fake, chat, 0)
        while _payloads(life.var):
            assert time.monotonic() - began < 60, f"{name}: what was received is kept"
            time.sleep(0.02)
        life.scrubbed_after[name] = time.monotonic() - began
        life.told[f"telegram, {name}"] = "\n".join(life.fake.texts(chat))
    resident = life.resident()
    resident.say(text=texts["a question with a name"])
    helped = next((id for id in on_web(resident)[1]("t:what_is:kontaktfamilj").buttons if "no_help" in id), None)
    if helped:
        resident.say(choice=helped)


def _payloads(var: Path) -> int:
    with closing(sqlite3.connect(f"file:{var / 'kontakt.db'}?mode=ro", uri=True)) as connection:
        found: int = connection.execute("SELECT count(*) FROM inbox WHERE payload_sealed IS NOT NULL").fetchone()[0]
        return found


def the_web_is_misused(life: Life) -> None:
    """Requests that nobody's page sends, each with a canary where it goes wrong."""
    resident, word = life.resident(), life.canaries.word
    as_json, as_form = "application/json", "application/x-www-form-urlencoded"
    posts: dict[str, tuple[str, bytes | None, str]] = {
        "no such page": (f"/{quote(word('path'))}?namn={quote(word('query'))}", None, as_form),
        "broken JSON": ("/turn", f'{{"text": "{word("broken JSON")}'.encode(), as_json),
        "a list": ("/turn", json.dumps([word("a list")]).encode(), as_json),
        "field": ("/turn", json.dumps({"message_id": "m" * 20, word("field"): word("value")}).encode(), as_json),
        "bad id": ("/turn", json.dumps({"message_id": word("id"), "text": word("with a bad id")}).encode(), as_json),
        "wrong type": ("/turn", json.dumps({"message_id": "n" * 20, "text": [word("wrong type")]}).encode(), as_json),
        "unknown choice": ("/turn", json.dumps({"message_id": "o" * 20, "choice": word("choice")}).encode(), as_json),
        "too large": ("/turn", json.dumps({"message_id": "p" * 20, "text": word("large") * 20_000}).encode(), as_json),
        "other type": ("/turn", word("other type").encode(), "text/plain"),
        "bad key": ("/", urlencode({"form_key": word("key"), "text": word("bad key")}).encode(), as_form),
        "many fields": ("/", urlencode({f"f{n}": word("many fields") for n in range(30)}).encode(), as_form),
        "not UTF-8": ("/turn", b'{"text": "\xff' + word("not UTF-8").encode("latin-1"), as_json),
    }  # fmt: skip
    for name, (path, body, kind) in posts.items():
        life.statuses[name] = _status_of(resident, path, body, Content_Type=kind, X_Canary=quote(word("header")))
    with socket.create_connection(("127.0.0.1", life.kontakt.web_port), 10) as connection:
        connection.sendall(f"POST /turn HTTP/1.1\r\nHost: {word('host')}\r\n{word('no header')}\r\n\r\n".encode())
        life.statuses["no HTTP"] = int(connection.recv(10_000).split()[1])


def _status_of(resident: Resident, path: str, body: bytes | None, **headers: str) -> int:
    """Sent again when the connection broke: what is too large is refused before it has been read."""
    for _ in range(5):
        with suppress(URLError):
            return resident.ask(path, body, **headers)
    raise AssertionError(f"{path} is not answered")


def telegram_sends_nonsense(life: Life) -> None:
    """Updates of every unusual kind, and answers that fail, each with a canary in it."""
    word, fake = life.canaries.word, life.fake
    named = {"id": 61_000, "is_bot": False, "first_name": word("first name"), "username": word("username")}
    place = {"id": 61_000, "type": "private", "first_name": word("chat name")}
    base = {"message_id": 1, "date": int(time.time()), "chat": place, "from": named}
    group = {"id": -61_001, "type": "group", "title": word("group title")}
    odd: list[dict[str, Any]] = [
        {"message": {"text": word("no chat")}},
        {"message": word("a message that is a text")},
        {"message": [word("a list")]},
        {"callback_query": {"id": word("query id")}},
        {"callback_query": {"id": "1", "from": named, "chat_instance": "1", "data": word("data")}},
        {"message": {**base, "date": word("date"), "text": word("text with a bad date")}},
        {"message": {**base, "text": {"nested": word("nested")}}},
        {"message": {**base, "contact": {"phone_number": life.canaries.phone("contact"), "first_name": word("c")}}},
        {"message": {**base, "location": {"latitude": 59.1, "longitude": 16.2}, "caption": word("location")}},
        {"message": {**base, "photo": [{"file_id": word("file"), "file_unique_id": "1", "width": 1, "height": 1}],
                     "caption": word("caption")}},
        {"message": {**base, "document": {"file_id": "1", "file_unique_id": "1", "file_name": word("file name")}}},
        {"message": {**base, "forward_origin": word("forward")}},
        {"edited_message": {**base, "text": word("edited")}},
        {"message": {**base, "chat": group, "text": word("in a group")}},
        {"channel_post": {**base, "text": word("in a channel")}},
        {"poll": {"question": word("poll")}},
        {word("unknown kind"): {"text": word("of an unknown kind")}},
        {"message": {**base, "text": f"hej {word('an ordinary text')}"}},
    ]  # fmt: skip
    error = {"description": f"Bad Request: {word('description')}"}
    fake.fault(Fault("status", "sendMessage", chat=61_000, times=1, status=500, body=error))
    fake.fault(Fault("status", "answerCallbackQuery", times=1, status=400, body=error))
    fake.fault(Fault("garbage", "getUpdates", times=1))
    fake.fault(Fault("odd", "getUpdates", times=1))
    for content in odd:
        fake.update(content)
    fake.say(61_002, "hjälp")
    wait_for_answer(fake, 61_002, 0)
    refused = {"description": f"Bad Request: can't parse {word('refused')}"}
    fake.fault(Fault("status", "sendMessage", chat=61_003, times=1, status=400, body=refused))
    fake.say(61_003, word("to somebody whose reply is refused"))
    fake.say(61_002, f"hjälp {word('after it all')}")
    wait_for_answer(fake, 61_002, len(fake.messages[61_002]))


def the_database_refuses(life: Life) -> None:
    """An IntegrityError in the middle of a turn, of a note, and of keeping a question."""
    database = life.var / "kontakt.db"
    with closing(sqlite3.connect(database)) as connection:
        for table in TRIGGERS:
            connection.execute(
                f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'made to fail'); END"
            )
    resident = life.resident()
    for message in ({"choice": "f:kontakta_mig"}, {"text": f"vad är en {life.canaries.word(OUTSIDE)} för något"}):
        life.statuses[f"refused {'choice' in message}"] = resident.turn(**message)[0]
    chat = 62_000
    life.fake.tap_id(chat, "f:kontakta_mig")
    wait = time.monotonic() + 20
    while not life.fake.messages[chat] and time.monotonic() < wait:
        time.sleep(0.05)
    staff = staff_of(life)
    staff.ask(f"/inkommet/{life.references[0]}")
    life.statuses["note refused"] = staff.post(
        f"/inkommet/{life.references[0]}/anteckning", text=life.canaries.word("a refused note")
    )
    with closing(sqlite3.connect(database)) as connection:
        for table in TRIGGERS:
            connection.execute(f"DROP TRIGGER refuse_{table}")


def staff_read_and_write(life: Life) -> None:
    """Every submission read and noted on; what does not fit, and a sign-in that fails."""
    staff, word = staff_of(life), life.canaries.word
    for reference in life.references:
        assert staff.ask(f"/inkommet/{reference}") == 200
        assert staff.post(f"/inkommet/{reference}/anteckning", text=f"Ringt {word('note')}.") == 303
        assert staff.ask(f"/inkommet/{reference}") == 200
    life.statuses["long note"] = staff.post(f"/inkommet/{reference}/anteckning", text=word("long note") * 500)
    life.statuses["bad status"] = staff.post(f"/inkommet/{reference}/status", status=word("status"), version="1")
    life.statuses["no such"] = staff.ask(f"/inkommet/{quote(word('reference'))}?{quote(word('staff query'))}")
    life.statuses["questions"] = staff.ask("/fragor")
    stranger = Staff(life.kontakt.review, "10.1.1.2")
    life.statuses["sign-in"] = stranger.sign_in(word("unknown user"), word("password"))


def commands_are_used(life: Life, tmp_path: Path) -> None:
    """Questions through standard input, a form in a terminal, submissions shown, a backup made and rehearsed."""
    word = life.canaries.word
    life.command("ask", "--json", stdin=f"Vad kostar det för {word(OUTSIDE)}?\n{life.canaries.personnummer(OUTSIDE)}\n")
    lines = [{"choice": "f:kontakta_mig"}, {"choice": "Nej"}, {"choice": "Ring mig"}]
    lines += [{"text": life.canaries.phone("terminal")}, {"text": word("terminal")}]
    life.command(
        "chat", "--json", "--sender", "kim", "--municipality", "vingaker", stdin="\n".join(map(json.dumps, lines))
    )
    for reference in life.references[:3]:
        assert life.command("submissions", "show", reference).returncode == 0
    assert life.command("submissions", "export", life.references[0], "--to", str(tmp_path / "one.json")).returncode == 0
    assert life.command("submissions", "list", "--json").returncode == 0
    assert life.command("backup", str(life.var / "kontakt.backup")).returncode == 0
    assert life.command("restore", str(life.var / "kontakt.backup"), "--check").returncode == 0
    assert life.command("audit", "verify").returncode == 0


def old_things_are_purged(life: Life) -> None:
    """Drafts and conversations that are made to look old go; the database is rewritten."""
    old = (datetime.now(UTC) - timedelta(days=60)).replace(tzinfo=None).isoformat(sep=" ")
    with closing(sqlite3.connect(life.var / "kontakt.db")) as connection, connection:
        connection.execute("UPDATE drafts SET updated_at = ?", (old,))
        connection.execute("UPDATE conversations SET updated_at = ? WHERE channel = 'web'", (old,))
    assert life.command("retention", "plan").returncode == 0
    assert life.command("retention", "run", "--confirm-many").returncode == 0


def the_nlu_fails(life: Life) -> None:
    """Too slow, then gone."""
    pid = json.loads((life.var / "run" / "nlu.json").read_bytes())["pid"]
    os.kill(pid, signal.SIGSTOP)
    for _ in range(2):
        life.resident().say(text=f"Hur går det till för {life.canaries.word(OUTSIDE)}?")
    os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGKILL)
    life.resident().say(text=f"Vad gäller för {life.canaries.word(OUTSIDE)}?")


def the_webhook_is_misused(life: Life) -> None:
    """Posts to the address where Telegram posts: right, wrong and forged."""
    word, hook = life.canaries.word, f"{life.kontakt.web}/telegram"
    deadline = time.monotonic() + 30
    while not (secret := life.fake.webhook.get("secret_token")):
        assert time.monotonic() < deadline, "the webhook was never set"
        time.sleep(0.05)
    life.secrets["webhook secret"] = secret
    good = {"update_id": 900_001, "message": fake_telegram.message(63_000, text=f"hej {word('webhook')}")}
    bodies = [json.dumps(good).encode(), word("no JSON").encode(), json.dumps({"update_id": word("id")}).encode()]
    bodies += [json.dumps({"update_id": 900_002, "message": {"text": word("odd")}}).encode()]
    for body in bodies:
        fake_telegram.post(hook, body, secret)
    fake_telegram.post(hook, bodies[0], word("wrong secret").replace("å", "a").replace("ä", "a").replace("ö", "o"))
    wait_for_answer(life.fake, 63_000, 0)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path, forms: dict[str, Form]) -> Iterator[Life]:
    """All of it, once."""
    place = tmp_path_factory.mktemp("canaries")
    with begun(place, nlu_model) as found:
        with listening(found.var / "run" / "nlu.json") as found.heard:
            forms_are_filled_in(found, forms)
            found.look("forms filled in")
            things_are_said_where_they_do_not_belong(found)
        the_web_is_misused(found)
        telegram_sends_nonsense(found)
        found.look("misused")
        staff_read_and_write(found)
        the_database_refuses(found)
        found.look("read, noted and refused")
        commands_are_used(found, place)
        the_nlu_fails(found)
        old_things_are_purged(found)
        found.look("purged")
        found.kontakt.stop(signal.SIGSEGV)
        found.look("crashed")
        found.kontakt = found.start(KONTAKT_TELEGRAM__WEBHOOK_URL=HOOK)
        the_webhook_is_misused(found)
        found.look("webhook")
        found.kontakt.stop()
        found.look("stopped")
        yield found


# -- what it has left -----------------------------------------------------------------------------------------------


MOMENTS = ["forms filled in", "misused", "read, noted and refused", "purged", "crashed", "webhook", "stopped"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_file_and_no_process_holds_what_was_typed(life: Life, moment: str) -> None:
    """The log among them, the database with its journal, the backup, the NLU's run directory, temporary files."""
    assert life.seen[moment] == {}


def test_every_question_of_every_form_was_answered(life: Life, forms: dict[str, Form]) -> None:
    assert life.walker.filled == {form.id: {question.slot for question in form.questions} for form in forms.values()}
    assert len(life.references) >= 2 * len(forms)
    assert len(life.canaries.words) > 200


def test_what_was_sent_in_is_there_for_those_who_have_the_keys(life: Life) -> None:
    """So that the other tests have something to miss."""
    database = Database(f"sqlite:///{life.var / 'kontakt.db'}", load_keys(life.var / "keys"))
    try:
        shown = json.dumps(json.loads(life.command("submissions", "show", life.references[0], "--json").stdout))
        assert life.canaries.found_in(shown.encode())
    finally:
        database.close()


def test_what_was_said_outside_forms_is_kept_nowhere_not_even_sealed(life: Life) -> None:
    database = Database(f"sqlite:///{life.var / 'kontakt.db'}", load_keys(life.var / "keys"))
    opened = 0
    kept: set[str] = set()
    with database.reading() as session:
        for column, context in CONTEXTS.items():
            query = select(column, context).where(column.is_not(None))
            if beside := _BESIDE.get(column.class_):
                query = query.join(beside)
            for sealed, sealed_to in session.execute(query):
                opened += 1
                kept |= life.canaries.found_in(database.keyring.open(sealed, sealed_to))
    database.close()
    assert opened > 50
    assert {canary for canary in kept if OUTSIDE in canary} == set()


def test_what_telegram_delivered_is_scrubbed_within_a_minute_and_the_resident_told(
    life: Life, record_property: Callable[[str, object], None]
) -> None:
    record_property("seconds_until_scrubbed", {name: round(took, 2) for name, took in life.scrubbed_after.items()})
    assert max(life.scrubbed_after.values()) < 60
    for channel in ("web", "telegram"):
        for what in ("a personnummer", "a personnummer in a question"):
            assert "personnummer" in life.told[f"{channel}, {what}"]
    assert not any(life.canaries.found_in(told.encode()) for name, told in life.told.items() if "status" not in name)


def test_the_nlu_is_asked_without_numbers_and_about_no_answer_that_could_be_read(life: Life) -> None:
    heard = "\n".join(life.heard).encode()
    assert life.heard
    numbers = {canary for canary in life.canaries.found_in(heard) if canary[:6].isdigit()}
    assert numbers == set()


def test_no_command_says_what_was_typed(life: Life) -> None:
    assert life.canaries.found_in(life.printed_by_commands.encode()) == set()
    assert "Traceback" not in life.printed_by_commands + life.kontakt.printed


@pytest.mark.parametrize(
    ("secret", "may_be_in"),
    [("bot token", "environ"), ("NLU token", "/run/"), ("password", ""), ("encryption.keys 0", "keys"),
     ("lookup.key 0", "keys"), ("session.key 0", "keys"), ("webhook secret", "")],
)  # fmt: skip
def test_secrets_are_where_they_belong(life: Life, secret: str, may_be_in: str) -> None:
    """The bot's token is in the environment that it is given in, which is not the NLU process's (see test_serving)."""
    elsewhere = {path for path in life.secret_places.get(secret, ()) if not may_be_in or may_be_in not in path}
    assert elsewhere == set()


def test_no_crash_leaves_a_copy_of_the_memory(life: Life) -> None:
    assert life.core_limits == {"0"}
    assert [path for path in Path.cwd().glob("core*") if path.is_file()] == []


def test_misuse_is_refused(life: Life) -> None:
    """And what failed did fail: otherwise nothing was tried."""
    refused = {name: status for name, status in life.statuses.items() if name not in ("account", "questions")}
    assert {name: status for name, status in refused.items() if not 400 <= status < 600} == {"unknown choice": 200}
    assert life.statuses["refused True"] == life.statuses["note refused"] == 500


def test_each_spelling_is_found() -> None:
    canaries = Canaries()
    word, phone, number = canaries.word("a"), canaries.phone("b"), canaries.personnummer("c")
    assert canaries.found_in(os.urandom(200_000)) == set()
    for text in (word, phone[1:], number[2:]):
        for needle in spellings(text):
            assert len(canaries.found_in(b"x" * 7 + needle + b"y")) == 1, (text, needle)
    assert not any(needle in os.urandom(200_000).hex().encode() for needle in code_spellings("123456"))
    for before in range(3):
        hidden = base64.b64encode(b"_" * before + json.dumps({"namn": word}, ensure_ascii=False).encode())
        assert len(canaries.found_in(hidden)) == 1
