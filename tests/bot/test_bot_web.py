"""The web chat over HTTP: cookie, headers, forged and broken requests, the form without script, limits and texts."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from html import unescape
from typing import Any

import event_loops
import pytest
from cryptography.fernet import Fernet
from litestar import Litestar
from litestar.exceptions import TooManyRequestsException
from litestar.routes import HTTPRoute
from litestar.testing import TestClient
from structlog.testing import capture_logs

from bot.channels.web import FORM_BYTES, JSON_BYTES, create_app
from bot.dialogue import Dialogue
from bot.turn import Choice, Receipt, Reply, Response, SourceLine, Turn
from bot.web.buttons import weight
from bot.web.links import split
from bot.web.pages import AWAY
from bot.web.protection import HTTPS_ONLY, SECURITY_HEADERS
from bot.web.texts import load_texts
from bot.web.visit import Visit, Visits, new_visit
from bot.web.waiting import MOST_WAITING, READINESS_SECONDS, Turns

SECRET = b"k" * 32
MUNICIPALITIES = {"vingaker": "Vingåkers kommun", "sala": "Sala kommun"}
SOURCE = SourceLine("kontaktgrupp", "Vingåkers kommun", "vingaker", "Vingåkers kommun, foldern om kontaktgrupp")
OUR_PAGE = {"Origin": "http://testserver.local"}


@dataclass
class Echo:
    """A small dialogue: repeats what it hears, remembers each message id, changes language when asked."""

    turns: list[Turn] = field(default_factory=list)
    language: str = "sv"
    answers: dict[tuple[str, str], Response] = field(default_factory=dict)

    def respond(self, turn: Turn) -> Response:
        self.turns.append(turn)
        key = (turn.sender, turn.message_id)
        if key not in self.answers:
            self.answers[key] = self._answer(turn)
        return self.answers[key]

    def missed(self, channel: str, sender: str, message_id: str) -> Response | None:
        return self.answers.get((sender, message_id)) if channel == "web" else None

    def _answer(self, turn: Turn) -> Response:
        if turn.choice and turn.choice.startswith("c:language:"):
            self.language = turn.choice[-2:]
        heard = "start" if turn.start else f"{turn.text or turn.choice}"
        if heard == "trasig":
            raise RuntimeError("hemlig text ur ett svar")
        reply = Reply(
            f"{len(self.turns)}: {heard[:2000]}", choices=(Choice("q:1", "Vad kostar det?"),), sources=(SOURCE,)
        )
        return Response(replies=(reply,), language=self.language, submission=Receipt("K7MWX2PD", "ansokan"))


def application(echo: Echo, **options: Any) -> Litestar:
    settings: dict[str, Any] = {
        "secure_cookies": False,
        "nlu_ready": lambda: True,
        "missed": echo.missed,
        **options,
    }
    return create_app(echo.respond, session_secret=SECRET, municipalities=MUNICIPALITIES, **settings)


def browser_of(app: Litestar) -> TestClient[Litestar]:
    """A client that names our own page as the origin of what it sends, as a browser does.

    As the context of a `with` it starts the application, which is done once: further browsers are used as they are.
    """
    client = TestClient(app)
    client.headers.update(OUR_PAGE)
    return client


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def client(echo: Echo) -> Iterator[TestClient[Litestar]]:
    with browser_of(application(echo)) as client:
        yield client


def turn(client: TestClient[Litestar], message_id: str = "message-1", **body: Any) -> Any:
    return client.post("/turn", json={"message_id": message_id, **body})


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the page's form."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


# --- the page and its cookie ----------------------------------------------------------------------------------


def test_page_shows_the_replies_with_choices_and_source(client: TestClient[Litestar], echo: Echo) -> None:
    page = client.get("/").text
    assert "1: start" in page
    assert 'name="choice" value="q:1">Vad kostar det?</button>' in page
    assert '<span class="source-word">Källa:</span> Vingåkers kommun, foldern om kontaktgrupp' in page
    assert echo.turns[0].start and echo.turns[0].channel == "web"


def test_page_offers_a_person_and_a_way_out_without_script(client: TestClient[Litestar]) -> None:
    page = client.get("/").text
    assert re.search(r'<button class="human"[^>]*name="choice" value="c:human"', page)
    assert '<a class="leave" href="/lamna"' in page
    assert '<form id="message" method="post" action="/"' in page


def test_page_has_no_inline_script_or_style_and_nothing_from_elsewhere(client: TestClient[Litestar]) -> None:
    for path in ("/", "/om", "/tillganglighet", "/finns-inte"):
        page = client.get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
        assert set(re.findall(r'(?:src|href)="(https?:[^"]*)"', page)) == set()


@pytest.mark.parametrize(("secure", "name"), [(False, "kontakt"), (True, "__Host-kontakt")])
def test_one_cookie_and_no_other(echo: Echo, secure: bool, name: str) -> None:
    scheme = "https" if secure else "http"
    with TestClient(application(echo, secure_cookies=secure), base_url=f"{scheme}://testserver.local") as client:
        cookies = client.get("/").headers.get_list("set-cookie")
    assert len(cookies) == 1
    value, *attributes = [part.strip() for part in cookies[0].split(";")]
    assert value.startswith(f"{name}=")
    expected = {"httponly", "samesite=strict", "path=/"} | ({"secure"} if secure else set())
    assert {attribute.lower() for attribute in attributes} == expected


def test_sender_is_random_and_stays(echo: Echo) -> None:
    app = application(echo)
    for _ in range(2):
        with browser_of(app) as client:
            client.get("/")
            turn(client, text="hej")
    senders = [turn.sender for turn in echo.turns]
    assert senders[0] == senders[1] and senders[2] == senders[3] and senders[0] != senders[2]
    assert len(senders[0]) >= 43


@pytest.mark.parametrize(
    "value",
    ["", "x", "null", "ä", "a" * 5000, '"', Fernet(Fernet.generate_key()).encrypt(b"{}").decode(), "=" * 40],
    ids=[
        "empty",
        "a letter",
        "null",
        "not ASCII",
        "too long",
        "a quotation mark",
        "sealed with another key",
        "only padding",
    ],
)
def test_a_cookie_that_is_not_ours_begins_a_new_conversation(echo: Echo, value: str) -> None:
    with TestClient(application(echo)) as client:
        answer = client.get("/", headers={b"Cookie": f"kontakt={value}".encode()})
    assert answer.status_code == 200
    assert len(answer.headers.get_list("set-cookie")) == 1


def test_a_form_key_is_not_a_cookie() -> None:
    visits = Visits(SECRET, secure=False)
    assert visits.read({"kontakt": visits.form_key(new_visit())}) is None


@pytest.mark.parametrize(
    ("query", "municipality", "shown"),
    [
        ("?kommun=vingaker", "vingaker", True),
        ("?kommun=sala&x=1", "sala", True),
        ("", None, False),
        ("?kommun=", None, False),
        ("?kommun=Vingaker", None, False),
        ("?kommun=%3Cscript%3E", None, False),
        ("?kommun=%ff%00", None, False),
    ],
)
def test_municipality_from_the_link(
    client: TestClient[Litestar], echo: Echo, query: str, municipality: str | None, shown: bool
) -> None:
    page = client.get(f"/{query}").text
    assert echo.turns[0].municipality == municipality
    assert ('<p id="municipality" class="municipality"></p>' not in page) is shown
    assert "<script>" not in page


def test_municipality_stays_in_the_header(client: TestClient[Litestar], echo: Echo) -> None:
    client.get("/?kommun=vingaker")
    assert '<p id="municipality" class="municipality">Vingåkers kommun</p>' in client.get("/").text


def test_the_links_municipality_goes_with_the_first_real_turn_only(client: TestClient[Litestar], echo: Echo) -> None:
    client.get("/?kommun=vingaker")
    client.get("/")
    turn(client, text="hej")
    turn(client, "message-2", text="hej igen")
    client.get("/?kommun=vingaker")
    client.get("/?kommun=sala")
    client.post("/", data={**hidden(client.get("/").text), "text": "hej"})
    turn(client, "message-3", text="hej")
    told = [(turn.start, turn.municipality) for turn in echo.turns]
    assert told == [
        (True, "vingaker"),
        (True, "vingaker"),
        (False, "vingaker"),
        (False, None),
        (True, None),
        (True, "sala"),
        (True, "sala"),
        (False, "sala"),
        (False, None),
    ]


def test_a_link_on_another_site_keeps_the_old_conversation(client: TestClient[Litestar], echo: Echo) -> None:
    """A Strict cookie is not sent with the first request, so that request must not replace it."""
    first = client.get("/?kommun=sala", headers={"Sec-Fetch-Site": "cross-site"})
    assert "set-cookie" not in first.headers and echo.turns == []
    onward = unescape(re.findall(r'content="0; url=([^"]*)"', first.text)[0])
    client.get(onward, headers={"Sec-Fetch-Site": "same-origin"})
    assert echo.turns[0].municipality == "sala"
    assert client.get(onward, headers={"Sec-Fetch-Site": "cross-site"}).text.count("1: start") == 0


@pytest.mark.parametrize(
    "kept",
    [
        {"sender": "x"},
        {"sender": "x", "language": "sv", "municipality": None, "handed_over": False, "colour": "green"},
        ["sender"],
        None,
        "x",
    ],
)
def test_a_cookie_of_another_version_is_no_visit(echo: Echo, kept: Any) -> None:
    visits = Visits(SECRET, secure=False)
    assert visits.read({"kontakt": visits.seal(json.dumps(asdict(Visit("x"))).encode())}) == Visit("x")
    sealed = visits.seal(json.dumps(kept).encode())
    assert visits.read({"kontakt": sealed}) is None
    with browser_of(application(echo)) as client:
        cookie = {"Cookie": f"kontakt={sealed}"}
        assert client.get("/", headers=cookie).status_code == 200
        client.cookies.clear()
        body = {"message_id": "message-1", "text": "a"}
        assert client.post("/turn", json=body, headers=cookie).status_code == 403


# --- headers --------------------------------------------------------------------------------------------------


def every_route() -> list[tuple[str, str]]:
    routes = [route for route in application(Echo()).routes if isinstance(route, HTTPRoute)]
    found = sorted((method, route.path) for route in routes for method in route.methods if method != "OPTIONS")
    return [*found, ("GET", "/finns-inte"), ("DELETE", "/"), ("POST", "/om")]


@pytest.mark.parametrize(("method", "path"), every_route())
def test_security_headers_on_every_route(client: TestClient[Litestar], method: str, path: str) -> None:
    path = path.replace("{file_path:path}", "chat.css")
    answer = client.request(method, path, follow_redirects=False)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers.get_list(name) == [value]
    expected = "no-cache" if path.startswith("/static/") else "no-store"
    assert answer.headers.get_list("cache-control") == [expected]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("secure", "sent"), [(True, ["max-age=31536000"]), (False, [])])
def test_browsers_are_kept_to_https_where_the_cookie_is(echo: Echo, secure: bool, sent: list[str]) -> None:
    with TestClient(application(echo, secure_cookies=secure)) as client:
        for path in ("/", "/om", "/static/chat.css", "/finns-inte"):
            assert client.get(path).headers.get_list("strict-transport-security") == sent
    assert list(HTTPS_ONLY) == ["Strict-Transport-Security"]


def test_content_security_policy_allows_our_own_files_only() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy and "data:" not in policy


def test_static_files_are_kept_under_the_address_of_their_content(client: TestClient[Litestar]) -> None:
    addresses = re.findall(r'(?:src|href)="(/static/[^"]*\?v=[0-9a-f]{12})"', client.get("/").text)
    assert len(addresses) == 3
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["/static/../texts.yml", "/static/%2e%2e/texts.yml", "/static//etc/passwd", "/schema"])
def test_nothing_else_is_served(client: TestClient[Litestar], path: str) -> None:
    assert client.get(path).status_code == 404


# --- turns of the script --------------------------------------------------------------------------------------


def test_a_turn_gives_replies_as_json(client: TestClient[Litestar], echo: Echo) -> None:
    client.get("/")
    answer = turn(client, text="Vad är en kontaktgrupp? Ring 112")
    assert answer.json() == {
        "replies": [
            {
                "text": "2: Vad är en kontaktgrupp? Ring 112",
                "parts": [
                    {"text": "2: Vad är en kontaktgrupp? Ring ", "href": None},
                    {"text": "112", "href": "tel:112"},
                ],
                "choices": [{"id": "q:1", "label": "Vad kostar det?", "weight": "answer"}],
                "sources": [
                    {
                        "brochure": "kontaktgrupp",
                        "publisher": "Vingåkers kommun",
                        "municipality": "vingaker",
                        "label": "Vingåkers kommun, foldern om kontaktgrupp",
                    }
                ],
                "source_word": "Källa",
                "progress": None,
                "tone": "normal",
                "expects": None,
            }
        ],
        "language": "sv",
        "draft": None,
        "submission": {"reference": "K7MWX2PD", "form_id": "ansokan", "code": None},
        "municipality": None,
    }
    assert "set-cookie" not in answer.headers


def test_a_repeated_message_id_gives_the_same_replies(client: TestClient[Litestar]) -> None:
    client.get("/")
    first, second = turn(client, text="hej"), turn(client, text="hej")
    assert first.json() == second.json()
    assert turn(client, "message-2", text="hej").json() != first.json()


@pytest.mark.parametrize("text", ["å" * 100_000, "", "🙂", "a\x00b", "\u202eabc", "' OR 1=1 --", "{{7*7}}"])
def test_any_text_reaches_respond_unchanged(client: TestClient[Litestar], echo: Echo, text: str) -> None:
    client.get("/")
    assert turn(client, text=text).status_code == 200
    assert echo.turns[-1].text == text


def test_half_a_character_becomes_a_replacement_character(client: TestClient[Litestar], echo: Echo) -> None:
    client.get("/")
    body = b'{"message_id":"message-1","text":"a\\ud83d b\\ud83d\\ude42"}'
    assert client.post("/turn", content=body, headers={"Content-Type": "application/json"}).status_code == 200
    assert echo.turns[-1].text == "a\ufffd b🙂"


BAD_BODIES = [
    (b"", 400),
    (b"{", 400),
    (b"\xff\xfe\xff", 400),
    (b"[" * 200_000, 400),
    (b'{"a":' + b"9" * 10_000 + b"}", 400),
    (b"[]", 422),
    (b"null", 422),
    (b'"text"', 422),
    (b"{}", 422),
    (b'{"message_id":"message-1"}', 422),
    (b'{"message_id":"message-1","text":"a","choice":"b"}', 422),
    (b'{"message_id":"message-1","text":"a","sender":"x"}', 422),
    (b'{"message_id":"message-1","text":"a","municipality":"sala"}', 422),
    (b'{"message_id":"message-1","text":1}', 422),
    (b'{"message_id":"message-1","text":{"a":"b"}}', 422),
    (b'{"message_id":"message-1","choice":["q:1"]}', 422),
    (b'{"message_id":17,"text":"a"}', 422),
    (b'{"message_id":"","text":"a"}', 422),
    (b'{"message_id":"../../../etc","text":"a"}', 422),
    (b'{"message_id":"message-1\\n","text":"a"}', 422),
    (b'{"message_id":"' + b"a" * 65 + b'","text":"a"}', 422),
    (b'{"message_id":"message-1","choice":"' + b"q" * 257 + b'"}', 422),
    (b'{"message_id":"message-1","text":"' + b"a" * JSON_BYTES + b'"}', 413),
]


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize(("body", "status"), BAD_BODIES)
def test_a_broken_message_gets_a_sentence(
    client: TestClient[Litestar], echo: Echo, body: bytes, status: int, language: str
) -> None:
    client.get("/")
    turn(client, "language-1", choice=f"c:language:{language}")
    before = len(echo.turns)
    answer = client.post("/turn", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    errors = load_texts()[language]["errors"]
    assert answer.json() == {"error": f"{errors[str(status)]} {errors['human']}", "language": language}
    assert len(echo.turns) == before


def test_only_json_is_taken(client: TestClient[Litestar]) -> None:
    client.get("/")
    body = b'{"message_id":"message-1","text":"a"}'
    answer = client.post("/turn", content=body, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415 and answer.json()["error"]


def test_a_turn_without_a_conversation_is_refused(client: TestClient[Litestar], echo: Echo) -> None:
    answer = turn(client, text="hej")
    assert answer.status_code == 403 and "kaka" in answer.json()["error"]
    assert echo.turns == []


FORGED = [
    {"Origin": "https://example.com"},
    {"Origin": "http://testserver.local.example.com"},
    {"Origin": "http://testserver.local:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver.local"},
    {"Origin": "null"},
    {"Origin": ""},
]


@pytest.mark.parametrize("headers", FORGED)
def test_a_turn_from_another_site_is_refused(client: TestClient[Litestar], echo: Echo, headers: dict[str, str]) -> None:
    client.get("/")
    answer = client.post("/turn", json={"message_id": "message-1", "text": "a"}, headers=headers)
    assert answer.status_code == 403
    assert len(echo.turns) == 1


# --- the reply that a page never showed -----------------------------------------------------------------------


def missed(client: TestClient[Litestar], message_id: str, **headers: str) -> Any:
    return client.post("/missed", json={"message_id": message_id}, headers=headers)


@pytest.mark.parametrize(
    ("message_id", "own", "status"),
    [("message-1", True, 200), ("message-2", True, 204), ("message-1", False, 204), ("message-2", False, 204)],
    ids=["known", "unknown", "another sender's", "another sender's, unknown"],
)
def test_the_reply_to_a_message_is_given_again_to_its_sender(
    echo: Echo, message_id: str, own: bool, status: int
) -> None:
    app = application(echo)
    other = browser_of(app)
    with browser_of(app) as one:
        one.get("/")
        other.get("/")
        answered = turn(one, text="hej").json()
        before = len(echo.turns)
        answer = missed(one if own else other, message_id)
        assert answer.status_code == status
        assert (answer.json()["replies"] == answered["replies"]) if status == 200 else (answer.content == b"")
        assert len(echo.turns) == before


def test_without_kept_responses_nothing_was_missed(echo: Echo) -> None:
    with browser_of(application(echo, missed=None)) as client:
        client.get("/")
        turn(client, text="hej")
        assert missed(client, "message-1").status_code == 204


@pytest.mark.parametrize(("body", "status"), [bad for bad in BAD_BODIES if bad[0] != b'{"message_id":"message-1"}'])
def test_a_broken_question_for_a_reply_gets_a_sentence(client: TestClient[Litestar], body: bytes, status: int) -> None:
    client.get("/")
    turn(client, text="hej")
    answer = client.post("/missed", content=body, headers={"Content-Type": "application/json"})
    errors = load_texts()["sv"]["errors"]
    assert answer.status_code == status
    assert answer.json() == {"error": f"{errors[str(status)]} {errors['human']}", "language": "sv"}


def test_only_json_asks_for_a_reply(client: TestClient[Litestar]) -> None:
    client.get("/")
    turn(client, text="hej")
    body, headers = b'{"message_id":"message-1"}', {"Content-Type": "text/plain"}
    assert client.post("/missed", content=body, headers=headers).status_code == 415


@pytest.mark.parametrize("headers", FORGED)
def test_another_site_gets_no_reply(client: TestClient[Litestar], headers: dict[str, str]) -> None:
    client.get("/")
    turn(client, text="hej")
    answer = missed(client, "message-1", **headers)
    assert answer.status_code == 403 and "replies" not in answer.json()


def test_without_a_conversation_there_is_no_reply(client: TestClient[Litestar]) -> None:
    assert missed(client, "message-1").status_code == 403


def test_asking_for_replies_counts_as_messages(echo: Echo) -> None:
    with browser_of(application(echo, turns_a_minute=2)) as client:
        client.get("/")
        assert [missed(client, "message-1").status_code for _ in range(3)] == [204, 204, 429]


def test_a_reply_that_the_dialogue_keeps(dialogue_alone: Dialogue) -> None:
    app = create_app(
        dialogue_alone.respond,
        session_secret=SECRET,
        secure_cookies=False,
        municipalities=MUNICIPALITIES,
        nlu_ready=lambda: False,
        missed=dialogue_alone.missed,
    )
    other = browser_of(app)
    with browser_of(app) as client:
        client.get("/?kommun=vingaker")
        other.get("/")
        asked = turn(client, choice="f:intresseanmalan").json()
        assert len(asked["replies"]) >= 1
        assert missed(client, "message-1").json()["replies"] == asked["replies"]
        assert missed(client, "message-2").status_code == missed(other, "message-1").status_code == 204
        turn(client, "message-3", text="avbryt")
        turn(client, "message-4", text="ja")
        assert missed(client, "message-1").status_code == 204, "what a draft said goes with the draft"


# --- the form without script ----------------------------------------------------------------------------------


def test_form_posts_text_and_shows_the_new_replies(client: TestClient[Litestar], echo: Echo) -> None:
    fields = hidden(client.get("/").text)
    page = client.post("/", data={**fields, "text": "Vad kostar det?"})
    assert page.status_code == 200
    assert "2: Vad kostar det?" in page.text and '<p class="text">Vad kostar det?</p>' in page.text
    assert echo.turns[1].message_id == fields["message_id"] != hidden(page.text)["message_id"]
    again = client.post("/", data={**fields, "text": "Vad kostar det?"})
    assert "2: Vad kostar det?" in again.text and "3: " not in again.text


def test_a_pressed_choice_goes_before_the_text_field(client: TestClient[Litestar], echo: Echo) -> None:
    fields = hidden(client.get("/").text)
    client.post("/", data={**fields, "text": "", "choice": "q:1"})
    assert (echo.turns[1].text, echo.turns[1].choice) == (None, "q:1")


def test_empty_and_long_text_by_form(client: TestClient[Litestar], echo: Echo) -> None:
    fields = hidden(client.get("/").text)
    assert client.post("/", data={**fields, "text": ""}).status_code == 200
    fields = hidden(client.get("/").text)
    assert client.post("/", data={**fields, "text": "å" * 100_000}).status_code == 200
    assert [turn.text for turn in echo.turns if not turn.start] == ["", "å" * 100_000]


@pytest.mark.parametrize("headers", [*FORGED[:6], {"Origin": "null"}])
@pytest.mark.parametrize("key", ["", "x", "another"])
def test_a_form_that_is_not_from_our_page_is_refused(
    client: TestClient[Litestar], echo: Echo, headers: dict[str, str], key: str
) -> None:
    fields = hidden(client.get("/").text)
    form_key = Visits(SECRET, secure=False).form_key(new_visit()) if key == "another" else key
    answer = client.post("/", data={**fields, "form_key": form_key, "text": "a"}, headers=headers)
    assert answer.status_code == 403 and "Ladda om sidan" in answer.text
    assert len(echo.turns) == 1


def test_a_browser_that_names_no_origin_is_taken_by_its_form_key(client: TestClient[Litestar]) -> None:
    fields = hidden(client.get("/").text)
    assert client.post("/", data={**fields, "text": "a"}, headers={"Origin": "null"}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"extra": "1"}, 422), ({"message_id": "!"}, 422), ({"text": "a" * FORM_BYTES}, 413), ({"text": ["a", "b"]}, 422)],
)
def test_a_broken_form_gets_a_page_with_a_sentence(
    client: TestClient[Litestar], changes: dict[str, Any], status: int
) -> None:
    fields = hidden(client.get("/").text)
    answer = client.post("/", data={**fields, "text": "a", **changes})
    assert answer.status_code == status
    assert load_texts()["sv"]["errors"][str(status)] in answer.text
    assert 'href="tel:112"' in answer.text


@pytest.mark.parametrize("content", [b"", b"%", b"&&&&", b"text=%ff%fe", b"form_key", b"a=" + b"&a=" * 9000])
def test_garbage_instead_of_a_form_is_refused(client: TestClient[Litestar], content: bytes) -> None:
    client.get("/")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/", content=content, headers=headers).status_code in (400, 403)


# --- hostile text ---------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}{% for x in y %}",
    "[a](javascript:alert(1)) **b**",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_it_was_written(client: TestClient[Litestar], text: str) -> None:
    fields = hidden(client.get("/").text)
    page = client.post("/", data={**fields, "text": text}).text
    shown = re.findall(r'<p class="text">(.*?)</p>', page, re.DOTALL)
    assert [unescape(part) for part in shown] == [text, f"2: {text}"]
    assert not any("<" in part for part in shown)


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("Ring 112 nu.", {"112": "tel:112"}),
        ("Ring 1177 eller 116 111.", {"1177": "tel:1177", "116 111": "tel:116111"}),
        ("Ring 0151-191 00, vardagar 08-16.", {"0151-191 00": "tel:015119100"}),
        (
            "070-1740605 eller +46 70 174 06 05",
            {"070-1740605": "tel:0701740605", "+46 70 174 06 05": "tel:+46701740605"},
        ),
        ("Skriv till kommun@example.com.", {"kommun@example.com": "mailto:kommun@example.com"}),
        ("Se https://example.com/stod.", {"https://example.com/stod": "https://example.com/stod"}),
        ("(http://example.com)", {"http://example.com": "http://example.com"}),
        ("112 kronor, 112:50, 112-3, nummer 1123", {}),
        ("19810101-9803 är ett personnummer", {}),
        ("2026-02-14 kl. 08-16", {}),
        ("K7MWX2PD", {}),
        ("javascript:alert(1) data:text/html,x ftp://example.com", {}),
        ('https://example.com/"onmouseover="x', {"https://example.com/": "https://example.com/"}),
        ("Du är 12 till 20 år", {}),
        ("", {}),
    ],
)
def test_links_in_a_reply(text: str, links: dict[str, str]) -> None:
    parts = split(text)
    assert "".join(part.text for part in parts) == text
    assert {part.text: part.href for part in parts if part.href} == links


@pytest.mark.parametrize(
    "text", ["0" * 100_000, "0 " * 50_000, "a@" * 50_000, "http://" + "." * 100_000, "+" * 100_000]
)
def test_hostile_text_does_not_stop_the_search_for_links(text: str) -> None:
    started = time.perf_counter()
    split(text)
    assert time.perf_counter() - started < 1


# --- limits, errors, the other pages --------------------------------------------------------------------------


def test_too_many_turns_from_one_sender(echo: Echo) -> None:
    app = application(echo, turns_a_minute=3)
    other = browser_of(app)
    with browser_of(app) as one:
        one.get("/")
        other.get("/")
        answers = [turn(one, f"message-{number}", text="hej") for number in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
        assert answers[3].json()["error"].startswith(load_texts()["sv"]["errors"]["429"])
        assert turn(other, text="hej").status_code == 200


def test_too_many_requests_from_one_address(echo: Echo) -> None:
    with TestClient(application(echo, requests_a_minute=3)) as client:
        answers = [client.get("/") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert "Retry-After" in answers[3].headers and "många meddelanden" in answers[3].text
        assert client.get("/healthz").status_code == 204


@pytest.mark.parametrize("path", ["/", "/ready", "/om", "/tillganglighet", "/static/chat.css"])
def test_every_route_counts_requests_from_an_address(echo: Echo, path: str) -> None:
    with TestClient(application(echo, requests_a_minute=2)) as client:
        client.get("/om")
        answers = [client.get(path, follow_redirects=False) for _ in range(2)]
        assert answers[0].status_code in (200, 303) and answers[1].status_code == 429
        assert 1 <= int(answers[1].headers["Retry-After"]) <= 60


def test_readiness_is_looked_at_once_a_second(echo: Echo) -> None:
    looks: list[float] = []

    def look() -> bool:
        looks.append(time.monotonic())
        return True

    with TestClient(application(echo, nlu_ready=look)) as client:
        started = time.monotonic()
        assert all(client.get("/ready").json() == {"free_text": True} for _ in range(20))
        assert len(looks) <= 1 + (time.monotonic() - started) / READINESS_SECONDS
        client.get("/")
        time.sleep(READINESS_SECONDS)
        client.get("/ready")
        assert looks[-1] - looks[0] >= READINESS_SECONDS


@dataclass
class Slow(Echo):
    """A dialogue that answers nothing of one sender until it is let go."""

    stuck: str = ""
    go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    threads: set[str] = field(default_factory=set)

    def respond(self, turn: Turn) -> Response:
        self.threads.add(threading.current_thread().name)
        if turn.sender == self.stuck:
            self.begun.set()
            self.go.wait(20)
        return super().respond(turn)


def test_one_sender_whose_turns_take_long_keeps_nobody_else_waiting() -> None:
    slow = Slow()
    turns = Turns(slow.respond)

    def said(sender: str, number: int) -> Turn:
        return Turn(channel="web", sender=sender, message_id=f"message-{sender}-{number}", text=str(number))

    async def talk() -> None:
        slow.stuck = "a"
        async with turns.running(application(slow)):
            waiting = [asyncio.create_task(turns.respond(said("a", number))) for number in range(1 + MOST_WAITING)]
            while not slow.begun.is_set():
                await asyncio.sleep(0.01)
            for number in range(50):
                with pytest.raises(TooManyRequestsException) as refused:
                    await turns.respond(said("a", 100 + number))
                assert refused.value.headers == {"Retry-After": "2"}
            others = [turns.respond(said(f"b{number}", 1)) for number in range(60)]
            assert len(await asyncio.wait_for(asyncio.gather(*others), 10)) == 60
            assert turns.senders == 1
            assert not any(task.done() for task in waiting)
            slow.go.set()
            await asyncio.gather(*waiting)
            assert turns.senders == 0

    event_loops.run(talk())
    assert [turn.text for turn in slow.turns if turn.sender == "a"] == ["0", "1", "2"]
    assert all(name.startswith("web chat") for name in slow.threads)


def test_a_turn_too_many_at_once_gets_a_sentence_and_a_time() -> None:
    slow = Slow()
    with browser_of(application(slow)) as client, ThreadPoolExecutor() as sending:
        client.get("/")
        slow.stuck = slow.turns[0].sender
        answers = [sending.submit(turn, client, f"message-{number}", text="hej") for number in range(4)]
        refused = next(as_completed(answers)).result()
        slow.go.set()
        statuses = sorted(answer.result().status_code for answer in answers)
    assert statuses == [200, 200, 200, 429]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
    assert refused.json()["error"].startswith(load_texts()["sv"]["errors"]["429"])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("a:TOKEN:days:fri", "answer"),
        ("c:human", "answer"),
        ("f:ansokan", "answer"),
        ("", "answer"),
        ("d:TOKEN:submit", "primary"),
        ("d:TOKEN:skip:days", "secondary"),
        ("d:TOKEN:why:days", "secondary"),
        ("d:TOKEN:change", "secondary"),
        ("d:TOKEN:cancel", "secondary"),
        ("d:TOKEN:cancel:yes", "answer"),
        ("d:TOKEN:resume", "answer"),
        ("d:TOKEN:submitted", "secondary"),
        ("d:TOKEN:change:days", "answer"),
    ],
)
def test_how_much_a_button_stands_out(choice: str, expected: str) -> None:
    assert weight(choice) == expected


def test_a_failure_inside_gives_a_sentence_and_logs_no_text(client: TestClient[Litestar]) -> None:
    fields = hidden(client.get("/").text)
    with capture_logs() as logs:
        answer = turn(client, text="trasig")
        page = client.post("/", data={**fields, "text": "trasig"})
    assert answer.status_code == page.status_code == 500
    assert answer.json()["error"].startswith("Något gick fel hos oss.") and "Något gick fel" in page.text
    assert "hemlig" not in answer.text + page.text + json.dumps(logs)
    assert [(log["event"], log["kind"]) for log in logs] == [("web.request_failed", "RuntimeError")] * 2


def test_the_page_says_when_free_text_does_not_work_yet(echo: Echo) -> None:
    ready = {"now": False}
    with TestClient(application(echo, nlu_ready=lambda: ready["now"])) as client:
        assert client.get("/ready").json() == {"free_text": False}
        assert "Knapparna fungerar redan" in re.sub(r'data-texts="[^"]*"', "", client.get("/").text)
        ready["now"] = True
        time.sleep(READINESS_SECONDS)
        assert client.get("/ready").json() == {"free_text": True}
        assert "Knapparna fungerar redan" not in re.sub(r'data-texts="[^"]*"', "", client.get("/").text)


def test_leaving_makes_the_browser_forget_the_conversation(client: TestClient[Litestar], echo: Echo) -> None:
    client.get("/")
    answer = client.get("/lamna", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, AWAY)
    assert turn(client, text="hej").status_code == 403
    client.get("/")
    assert echo.turns[0].sender != echo.turns[-1].sender


def test_another_site_cannot_end_the_conversation(client: TestClient[Litestar]) -> None:
    client.get("/")
    client.get("/lamna", headers={"Sec-Fetch-Site": "cross-site"}, follow_redirects=False)
    assert turn(client, text="hej").status_code == 200


def test_the_pages_follow_the_language_of_the_conversation(client: TestClient[Litestar]) -> None:
    client.get("/")
    turn(client, choice="c:language:en")
    page = client.get("/").text
    assert '<html lang="en">' in page and 'value="c:language:sv"' in page
    assert "There is no such page." in client.get("/finns-inte").text
    assert "Accessibility</h1>" in client.get("/tillganglighet").text
    assert "Tillgänglighet</h1>" in client.get("/tillganglighet?lang=sv").text
    assert "Om Kontakt</h1>" in client.get("/om?lang=sv").text


def keys(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict):
        return {found for key, inner in value.items() for found in keys(inner, f"{path}/{key}")}
    if isinstance(value, list):
        return {found for number, inner in enumerate(value) for found in keys(inner, f"{path}/{number}")}
    assert isinstance(value, str) and value.strip() == value != ""
    return {path}


def test_every_text_is_there_in_every_language() -> None:
    texts = load_texts()
    assert keys(texts["sv"]) == keys(texts["en"])
