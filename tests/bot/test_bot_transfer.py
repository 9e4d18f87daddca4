"""From Telegram to the web chat: a link that works once, for a quarter of an hour, and goes on at the same question."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from handing_over import HandingOver
from litestar.testing import TestClient

from bot.channels.web import create_app
from bot.dialogue import Dialogue
from bot.turn import Response, Turn
from storage.conversations import find
from storage.database import Database

TELEGRAM = {"channel": "telegram", "reply_to": "4711"}


@pytest.fixture
def talks(dialogue_alone: Dialogue, database: Database) -> HandingOver:
    return HandingOver(dialogue_alone, database, now=datetime.now(UTC))


@pytest.fixture
def browser(talks: HandingOver) -> Iterator[TestClient]:
    app = create_app(
        talks.dialogue.respond,
        session_secret=b"k" * 32,
        secure_cookies=False,
        municipalities={"vingaker": "Vingåkers kommun"},
        nlu_ready=lambda: False,
        desk=talks.desk,
    )
    with TestClient(app) as client:
        client.headers.update({"Origin": "http://testserver.local"})
        yield client


def link_in(said: str) -> str:
    found = re.search(r"https://chatt\.example\.com(/fortsatt/[A-Za-z0-9_-]{20,}\?\S+)", said)
    assert found, said
    return found[1]


def half_filled(talks: HandingOver) -> str:
    """An intresseanmälan in Telegram at its third question; gives the slot."""
    talks.say("anna", choice="f:intresseanmalan", municipality="vingaker", **TELEGRAM)
    talks.tap("anna", "Nej", **TELEGRAM)
    talks.tap("anna", talks.buttons("anna")[0], **TELEGRAM)
    draft = talks.last["anna"].draft
    assert draft is not None and draft.slot is not None
    return draft.slot


def draft_of(talks: HandingOver, who: str, channel: str = "telegram") -> object:
    return find(talks.database, channel, who).draft


def test_an_application_is_begun_in_the_web_chat(talks: HandingOver, browser: TestClient) -> None:
    said = talks.say("anna", choice="f:ansokan_kontaktgrupp", municipality="vingaker", **TELEGRAM)
    assert "säkrare för dig och barnet" in said and "en gång, i 15 minuter" in said
    assert draft_of(talks, "anna") is None
    page = browser.post(link_in(said))
    assert page.status_code == 200
    assert "skyddade personuppgifter" in page.text and "Vingåkers kommun" in page.text


def test_without_a_known_municipality_it_is_asked_first(talks: HandingOver, browser: TestClient) -> None:
    said = talks.say("anna", choice="f:ansokan_kontaktgrupp", **TELEGRAM)
    assert "Vilken kommun" in browser.post(link_in(said)).text


def test_an_open_form_goes_on_at_the_same_question(talks: HandingOver, browser: TestClient) -> None:
    slot = half_filled(talks)
    question = talks.last["anna"].replies[-1].text.split("\n")[0]
    link = link_in(talks.tap("anna", "Fortsätt i webbchatten", **TELEGRAM))
    assert draft_of(talks, "anna") is not None
    page = browser.post(link)
    assert page.status_code == 200
    assert question in page.text
    assert draft_of(talks, "anna") is None
    late = talks.say("anna", choice=f"d:{'A' * 10}:skip:{slot}", **TELEGRAM)
    assert "inte är öppet längre" in late


def test_the_link_holds_nothing_about_anybody(talks: HandingOver) -> None:
    half_filled(talks)
    link = link_in(talks.tap("anna", "Fortsätt i webbchatten", **TELEGRAM))
    assert re.fullmatch(r"/fortsatt/[A-Za-z0-9_-]{24}\?lang=sv&kommun=vingaker", link)


def test_looking_at_the_link_does_not_use_it_up(talks: HandingOver, browser: TestClient) -> None:
    half_filled(talks)
    link = link_in(talks.tap("anna", "Fortsätt i webbchatten", **TELEGRAM))
    for agent in ("TelegramBot (like TwitterBot)", "facebookexternalhit/1.1", "Mozilla/5.0"):
        looked = browser.get(link, headers={"User-Agent": agent})
        assert looked.status_code == 200 and "set-cookie" not in looked.headers
        assert browser.head(link).status_code in (200, 405)
    assert browser.post(link).status_code == 200


@pytest.mark.parametrize("minutes", [0, 5])
def test_a_used_link_is_gone(talks: HandingOver, browser: TestClient, minutes: int) -> None:
    half_filled(talks)
    link = link_in(talks.tap("anna", "Fortsätt i webbchatten", **TELEGRAM))
    assert browser.post(link).status_code == 200
    browser.cookies.clear()
    again = browser.post(link)
    assert again.status_code == 410
    assert "redan använd eller för gammal" in again.text and 'href="tel:112"' in again.text


def test_an_old_link_is_gone_and_the_form_still_there(talks: HandingOver, browser: TestClient) -> None:
    talks.now -= timedelta(minutes=16)
    half_filled(talks)
    link = link_in(talks.tap("anna", "Fortsätt i webbchatten", **TELEGRAM))
    assert browser.post(link).status_code == 410
    assert draft_of(talks, "anna") is not None


@pytest.mark.parametrize("token", ["A" * 24, "x" * 64])
def test_an_invented_link_is_gone(browser: TestClient, token: str) -> None:
    assert browser.post(f"/fortsatt/{token}").status_code == 410


@pytest.mark.parametrize("token", ["..%2f..", "kort", "å" * 24, "x" * 65])
def test_what_is_no_token_is_not_found(browser: TestClient, token: str) -> None:
    assert browser.post(f"/fortsatt/{token}").status_code == 404


def test_a_form_open_in_the_browser_is_not_thrown_away(talks: HandingOver, browser: TestClient) -> None:
    half_filled(talks)
    link = link_in(talks.tap("anna", "Fortsätt i webbchatten", **TELEGRAM))
    said = talks.say("anna 2", choice="f:ansokan_kontaktgrupp", municipality="vingaker", **TELEGRAM)
    assert browser.post(link_in(said)).status_code == 200
    busy = browser.post(link)
    assert busy.status_code == 409 and "Ansökan till kontaktgrupp" in busy.text
    assert draft_of(talks, "anna") is not None


def test_what_did_not_arrive_can_be_fetched_again(talks: HandingOver) -> None:
    half_filled(talks)
    link = link_in(talks.tap("anna", "Fortsätt i webbchatten", **TELEGRAM))
    failures = ["once"]

    def respond(turn: Turn) -> Response:
        if failures:
            failures.pop()
            raise RuntimeError("a failure of the test's own")
        return talks.dialogue.respond(turn)

    app = create_app(
        respond,
        session_secret=b"k" * 32,
        secure_cookies=False,
        municipalities={},
        nlu_ready=lambda: False,
        desk=talks.desk,
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers.update({"Origin": "http://testserver.local"})
        assert client.post(link).status_code == 500
        assert client.post(link).status_code == 200
        client.cookies.clear()
        assert client.post(link).status_code == 410


def test_another_site_cannot_use_the_link(talks: HandingOver, browser: TestClient) -> None:
    half_filled(talks)
    link = link_in(talks.tap("anna", "Fortsätt i webbchatten", **TELEGRAM))
    assert browser.post(link, headers={"Origin": "https://elak.example"}).status_code == 403
    assert browser.post(link, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.post(link).status_code == 200


def test_no_button_to_the_web_chat_in_the_web_chat(talks: HandingOver) -> None:
    talks.say("anna", choice="f:intresseanmalan", municipality="vingaker")
    assert "Fortsätt i webbchatten" not in talks.buttons("anna")
