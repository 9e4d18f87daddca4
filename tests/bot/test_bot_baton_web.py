"""The pages of a guardian's link over HTTP: nothing happens on looking, the code opens, papers are for one browser."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from handing_over import KURATOR, HandingOver, links_in
from httpx import Cookies, Response
from litestar.testing import TestClient
from structlog.testing import capture_logs

from bot.channels.web import create_app
from bot.dialogue import Dialogue
from bot.web.baton_pages import CODE_PATH
from bot.web.protection import SECURITY_HEADERS
from storage import batons
from storage.batons import LinkReplaced, NewLink
from storage.database import Database

OUR_PAGE = {"Origin": "http://testserver.local"}
SECRET = b"k" * 32


@dataclass
class Browser:
    """One browser: its cookies are its own, the application behind it is everybody's."""

    client: TestClient[Any]
    cookies: Cookies = field(default_factory=Cookies)

    def get(self, path: str, **more: Any) -> Response:
        return self._send("GET", path, **more)

    def post(self, path: str, **more: Any) -> Response:
        return self._send("POST", path, **more)

    def _send(self, method: str, path: str, **more: Any) -> Response:
        self.client.cookies = self.cookies
        headers = OUR_PAGE | more.pop("headers", {})
        answer = self.client.request(method, path, headers=headers, **more)
        self.cookies = Cookies(self.client.cookies)
        return answer


Browsers = Callable[[], Browser]


@pytest.fixture
def family(dialogue_alone: Dialogue, database: Database) -> HandingOver:
    return HandingOver(dialogue_alone, database, now=datetime.now(UTC))


@pytest.fixture
def browsers(family: HandingOver) -> Iterator[Browsers]:
    """Makes browsers, each with its own cookies."""
    app = create_app(
        family.dialogue.respond,
        session_secret=SECRET,
        secure_cookies=False,
        municipalities={"vingaker": "Vingåkers kommun"},
        nlu_ready=lambda: False,
        desk=family.desk,
    )
    with TestClient(app) as client:
        yield lambda: Browser(client)


def said(page: str) -> str:
    """A page as somebody reads it."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.split("</head>")[-1])).split())


def tap(browser: Browser, page: str, label: str) -> str:
    """Press a button of the chat page, without script."""
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    choice = re.findall(rf'value="([^"]+)">{re.escape(label)}</button>', page)[-1]
    return browser.post("/", data={**hidden, "choice": unescape(choice)}).text


def say(browser: Browser, page: str, text: str) -> str:
    """Write something in the chat page, without script."""
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    return browser.post("/", data={**hidden, "text": text}).text


def state_of(family: HandingOver, link: tuple[str, str]) -> str:
    """The state of the only link of the kurator's baton."""
    token = family.labels[KURATOR]["En vårdnadshavare"].split(":")[1]
    baton = batons.find(family.database, token, family.now)
    assert baton is not None
    return baton.links[0].state


def test_a_guardian_without_script_from_link_to_receipt(family: HandingOver, browsers: Browsers) -> None:
    ((token, code),) = family.handed_over()
    browser = browsers()
    asked = browser.get(f"{CODE_PATH}/{token}")
    assert 'name="code"' in asked.text and "set-cookie" not in asked.headers
    page = browser.post(f"{CODE_PATH}/{token}", data={"code": f"{code[:3]} {code[3:]}"})
    assert page.status_code == 200 and "Vad heter du som är vårdnadshavare?" in page.text
    page = say(browser, page.text, "Karin Påhittad")
    assert "Barnets namn: Elsa Påhittad (den som började" in said(page)
    assert re.search(r'class="primary"[^>]*>Godkänn och skicka', page)
    assert "Ditt referensnummer" in tap(browser, page, "Godkänn och skicka")


@pytest.mark.parametrize("agent", ["TelegramBot (like TwitterBot)", "Slackbot-LinkExpanding 1.0", "Mozilla/5.0"])
def test_looking_at_the_link_does_nothing(family: HandingOver, browsers: Browsers, agent: str) -> None:
    (link,) = family.handed_over()
    looker = browsers()
    for _ in range(7):
        assert looker.get(f"{CODE_PATH}/{link[0]}", headers={"User-Agent": agent}).status_code == 200
    assert state_of(family, link) == "waiting"
    assert (
        "Vad heter du som är vårdnadshavare?" in browsers().post(f"{CODE_PATH}/{link[0]}", data={"code": link[1]}).text
    )


def test_the_page_says_nothing_of_whether_the_link_exists(family: HandingOver, browsers: Browsers) -> None:
    ((token, _),) = family.handed_over()
    real, invented = (browsers().get(f"{CODE_PATH}/{one}").text for one in (token, "A" * 24))
    assert real.replace(token, "") == invented.replace("A" * 24, "")


def test_wrong_codes_are_counted_and_said(family: HandingOver, browsers: Browsers) -> None:
    ((token, code),) = family.handed_over()
    wrong = f"{(int(code) + 7) % 10**6:06}"
    browser = browsers()
    for left in ("4 försök", "3 försök", "2 försök", "ett försök"):
        page = browser.post(f"{CODE_PATH}/{token}", data={"code": wrong})
        assert (page.status_code, f"Du har {left} kvar" in said(page.text)) == (422, True)
        assert 'role="alert"' in page.text and 'aria-invalid="true"' in page.text
    for typed in (wrong, code):
        page = browser.post(f"{CODE_PATH}/{token}", data={"code": typed})
        assert (page.status_code, "låst efter fem fel" in said(page.text)) == (423, True)
    assert state_of(family, (token, code)) == "waiting"


@pytest.mark.parametrize("code", ["", "abc", "1" * 5000, "<script>", "12345६", "\u0000", "' OR 1=1 --"])
def test_strange_codes_are_wrong_ones(family: HandingOver, browsers: Browsers, code: str) -> None:
    ((token, _),) = family.handed_over()
    assert browsers().post(f"{CODE_PATH}/{token}", data={"code": code}).status_code == 422


def test_links_that_open_nothing(family: HandingOver, browsers: Browsers) -> None:
    family.now -= timedelta(days=15)
    ((token, code),) = family.handed_over()
    for path, status, words in ((token, 410, "Tiden har gått ut"), ("A" * 24, 404, "Länken fungerar inte")):
        page = browsers().post(f"{CODE_PATH}/{path}", data={"code": code})
        assert (page.status_code, words in said(page.text)) == (status, True)
        assert "112" in said(page.text)


@pytest.mark.parametrize("token", ["kort", "x" * 65, "a%2fbcdefghijk", "a.b.c.d.e.f", "%C3%A5" * 9])
def test_what_is_no_token_is_not_found(browsers: Browsers, token: str) -> None:
    assert browsers().get(f"{CODE_PATH}/{token}").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://elak.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)
def test_another_site_cannot_post_the_code(family: HandingOver, browsers: Browsers, headers: dict[str, str]) -> None:
    ((token, code),) = family.handed_over()
    refused = browsers().post(f"{CODE_PATH}/{token}", data={"code": code}, headers=headers)
    assert refused.status_code == 403
    assert state_of(family, (token, code)) == "waiting"


def test_a_form_that_is_open_in_the_browser_stays(family: HandingOver, browsers: Browsers) -> None:
    ((token, code),) = family.handed_over()
    browser = browsers()
    page = tap(browser, browser.get("/?kommun=vingaker").text, "Bli kontaktad")
    busy = browser.post(f"{CODE_PATH}/{token}", data={"code": code})
    assert (busy.status_code, "Du håller redan på" in said(busy.text)) == (409, True)
    assert "skyddade" in said(page)


def test_pages_are_kept_by_nobody_and_tell_no_site(family: HandingOver, browsers: Browsers) -> None:
    ((token, code),) = family.handed_over()
    browser = browsers()
    for page in (browser.get(f"{CODE_PATH}/{token}"), browser.post(f"{CODE_PATH}/{token}", data={"code": code})):
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]
        assert '<meta name="robots" content="noindex">' in page.text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page.text)


def test_neither_link_nor_code_is_logged(family: HandingOver, browsers: Browsers) -> None:
    ((token, code),) = family.handed_over()
    browser = browsers()
    with capture_logs() as logs:
        browser.get(f"{CODE_PATH}/{token}")
        browser.post(f"{CODE_PATH}/{token}", data={"code": "000000"})
        browser.post(f"{CODE_PATH}/{token}", data={"code": code})
    assert token not in str(logs) and code not in str(logs)


@pytest.mark.parametrize(("language", "words"), [("sv", "Du har fått en ansökan att läsa"), ("en", "an application")])
def test_the_page_in_both_languages(browsers: Browsers, language: str, words: str) -> None:
    page = browsers().get(f"{CODE_PATH}/{'A' * 24}?lang={language}").text
    assert words in page and f'<html lang="{language}">' in page
    assert re.search(rf'action="{CODE_PATH}/A+\?lang={language}"', page)


def test_a_guardian_who_reads_english_goes_on_in_english(family: HandingOver, browsers: Browsers) -> None:
    ((token, code),) = family.handed_over()
    page = browsers().post(f"{CODE_PATH}/{token}?lang=en", data={"code": code}).text
    assert "What is your name, as guardian?" in page


# --- papers -----------------------------------------------------------------------------------------------------------


def kurator(browsers: Browsers) -> tuple[Browser, str]:
    """A kurator's browser with the form filled in as little as possible; the page with its summary."""
    browser = browsers()
    page = tap(browser, browser.get("/?kommun=vingaker").text, "Ansök till kontaktgrupp")
    for label in ("Nej", "Jag möter familjen i mitt arbete", "Hjälpa en familj att ansöka"):
        page = tap(browser, page, label)
    typed = {"Vad heter barnet?": "Elsa Påhittad", "Vad heter du?": "Kim Kurator", "e-post": "kim@example.com"}
    while "Skicka in</button>" not in page:
        words = next((words for words in typed if words in said(page.split('class="turn"')[-1])), None)
        if "Mejla mig</button>" in page:
            page = tap(browser, page, "Mejla mig")
        elif words and "Hoppa över</button>" not in page:
            page = say(browser, page, typed[words])
        else:
            page = tap(browser, page, "Hoppa över")
    return browser, page


def test_papers_are_for_the_browser_that_handed_over(browsers: Browsers) -> None:
    browser, page = kurator(browsers)
    page = tap(browser, tap(browser, page, "Lämna över till vårdnadshavare"), "Två vårdnadshavare")
    links = links_in(said(page))
    address = re.search(r"https://chatt\.example\.com(/overlamning/blad/\w+)", page)
    assert address
    paper = browser.get(address[1])
    assert paper.status_code == 200 and paper.text.count('class="qr"') == 2
    for (link, code), words in zip(links, ("Vårdnadshavare 1", "Vårdnadshavare 2"), strict=True):
        for shown in (link, f"{code[:3]} {code[3:]}", words):
            assert shown in paper.text
    for name in ("Elsa", "Påhittad", "Kim", "kim@example.com"):
        assert name not in paper.text
    assert browsers().get(address[1]).status_code == 404
    assert browser.get("/overlamning/blad/ABCDEFGHJK").status_code == 404


def test_papers_are_there_for_a_day(family: HandingOver) -> None:
    family.handed_over()
    token = family.labels[KURATOR]["En vårdnadshavare"].split(":")[1]
    assert len(family.desk.sheets(KURATOR, token, family.now + timedelta(hours=23))[1]) == 1
    assert family.desk.sheets(KURATOR, token, family.now + timedelta(hours=25))[1] == ()


def test_a_link_that_is_not_the_one_on_paper_opens_nothing_else(family: HandingOver) -> None:
    """An effect of its own, so that a lost paper can be made useless."""
    ((token, code),) = family.handed_over()
    baton = family.labels[KURATOR]["En vårdnadshavare"].split(":")[1]
    with family.database.transaction() as session:
        LinkReplaced(baton, 1, NewLink("B" * 24, "111111", "V")).write(session, family.now)
    with pytest.raises(batons.LinkUnknownError):
        family.desk.open_link(token, code, family.now)


def test_the_blankett_is_for_the_browser_that_fills_it_in(browsers: Browsers) -> None:
    browser, page = kurator(browsers)
    page = tap(browser, page, "Skriv ut som blankett")
    address = re.search(r"https://chatt\.example\.com(/blankett/\w+)", page)
    assert address
    pdf = browser.get(address[1])
    assert pdf.status_code == 200 and pdf.content.startswith(b"%PDF-")
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.headers["cache-control"] == "no-store"
    assert "Elsa" not in pdf.headers["content-disposition"]
    assert browsers().get(address[1]).status_code == 404


def test_without_a_desk_there_are_no_such_pages(dialogue_alone: Dialogue) -> None:
    app = create_app(
        dialogue_alone.respond,
        session_secret=SECRET,
        secure_cookies=False,
        municipalities={},
        nlu_ready=lambda: False,
    )
    with TestClient(app) as client:
        assert client.get(f"{CODE_PATH}/{'A' * 24}").status_code == 404
