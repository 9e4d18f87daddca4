"""The review pages in a real browser: contrast and structure, small screens, keyboard, no JavaScript, privacy."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from storage import reviewers, submissions
from storage.database import Database
from tests.review.office import ANSWERS, FORM, PASSWORD, Office

AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onfocus=alert(3) autofocus {{ 7*7 }}"


@dataclass
class Site:
    """The review pages on a port, with two submissions: one untouched, one that somebody has closed."""

    office: Office
    address: str
    new: str
    closed: str


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    office = Office(database)
    office.reviewer()
    new = office.submit(ANSWERS | {"tolk": None}, flags=("gruppledare", "tolk_obesvarad"), language="en")
    closed = office.submit()
    submissions.change_status(database, closed, "closed", actor="vera", version=1, at=office.clock())
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(office.app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Site(office, f"http://127.0.0.1:{listener.getsockname()[1]}", new, closed)
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Opens browser windows of their own; all are closed afterwards."""
    opened: list[BrowserContext] = []

    def open_one(**options: object) -> BrowserContext:
        opened.append(browser.new_context(**{"locale": "sv-SE", **options}))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for context in opened:
        context.close()


def press(page: Page, button: str) -> None:
    """Press a button and wait for the page that follows."""
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()


def sign_in(page: Page, site: Site, password: str = PASSWORD) -> None:
    page.goto(f"{site.address}/logga-in")
    page.get_by_label("Användarnamn").fill("vera")
    page.get_by_label("Lösenord").fill(password)
    press(page, "Logga in")


def search(page: Page, text: str) -> None:
    page.get_by_label("Namn, personnummer, referens eller ärendenummer").fill(text)
    press(page, "Sök")


def states(page: Page, site: Site) -> Iterator[str]:
    """Goes through every state the pages can be in; gives the name of each when it is on the screen."""
    page.goto(f"{site.address}/logga-in")
    yield "sign-in"
    sign_in(page, site, "fel fel fel fel")
    yield "wrong password"
    token = reviewers.create_invitation(site.office.database, site.office.clock(), actor="cli:test")
    page.goto(f"{site.address}/valkommen/{token}")
    yield "invitation"
    press(page, "Skapa konto")
    yield "invitation with problems"
    page.goto(f"{site.address}/valkommen/used")
    yield "used invitation"
    sign_in(page, site)
    yield "list"
    page.goto(f"{site.address}/inkommet?status=queued")
    yield "empty list"
    search(page, "provsson VENDELA")
    expect(page.get_by_role("row")).to_have_count(3)
    yield "found"
    search(page, "Vendel")
    yield "nothing found"
    page.locator("form[role=search]").evaluate("form => form.noValidate = true")
    search(page, " ")
    yield "empty search"
    page.goto(f"{site.address}/inkommet/{site.new}")
    yield "submission"
    page.get_by_role("textbox", name="Anteckning").fill("Ringde upp.\nInget svar.")
    press(page, "Spara anteckning")
    yield "submission with a note"
    page.get_by_role("textbox", name="Anteckning").fill(" ")
    press(page, "Spara anteckning")
    yield "empty note"
    submissions.change_status(
        site.office.database, site.new, "in_review", actor="vera", version=1, at=site.office.clock()
    )
    page.get_by_label("I kö").check()
    press(page, "Spara status")
    yield "conflict"
    page.get_by_role("link", name="Loggkontroll").click()
    yield "review of the log"
    press(page, "Visa")
    yield "review of the log with numbers"
    page.goto(f"{site.address}/loggkontroll?fran=2026-10-25&till=2026-10-24")
    yield "review of the log with wrong dates"
    page.goto(f"{site.address}/nothing-here")
    yield "not found"
    page.goto(f"{site.address}/inkommet")
    press(page, "Logga ut")
    yield "signed out"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 640, 320])
def test_every_state_is_accessible_and_fits(
    site: Site, open_context: Callable[..., BrowserContext], width: int, scheme: str
) -> None:
    """axe finds nothing, and nothing has to be scrolled sideways (640 is a 1280 screen at 200 % zoom)."""
    page = open_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    seen = []
    for state in states(page, site):
        found = Axe().run(page, options=AXE).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], state
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, state
        seen.append(state)
    assert len(seen) == 19


def test_everything_works_without_javascript(site: Site, open_context: Callable[..., BrowserContext]) -> None:
    page = open_context(java_script_enabled=False).new_page()
    sign_in(page, site)
    page.get_by_role("link", name=site.new).click()
    page.get_by_role("textbox", name="Anteckning").fill("Ringde upp.")
    press(page, "Spara anteckning")
    expect(page.get_by_role("status")).to_have_text("Anteckningen är sparad.")
    page.get_by_label("Under handläggning").check()
    press(page, "Spara status")
    expect(page.get_by_role("status")).to_have_text("Statusen är sparad.")
    page.get_by_role("link", name="Inkomna formulär").click()
    page.get_by_label("Status").select_option("Under handläggning")
    press(page, "Visa")
    expect(page.get_by_role("row")).to_have_count(2)
    search(page, "Provsson")
    expect(page.get_by_role("table")).to_contain_text("2 formulär hittades.")
    assert page.url == f"{site.address}/inkommet"
    press(page, "Logga ut")
    expect(page.get_by_role("status")).to_have_text("Du är utloggad.")


def test_the_keyboard_is_enough(site: Site, open_context: Callable[..., BrowserContext]) -> None:
    page = open_context().new_page()
    page.goto(f"{site.address}/logga-in")
    keys = page.keyboard
    keys.press("Tab")
    expect(page.get_by_role("link", name="Hoppa till innehållet")).to_be_in_viewport()
    keys.press("Enter")
    keys.press("Tab")
    keys.type("vera")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/inkommet")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    for _ in range(20):
        keys.press("Tab")
        assert page.evaluate(outline) == "solid"
        if page.evaluate("document.activeElement.textContent").strip() == site.new:
            break
    keys.press("Enter")
    page.wait_for_url(f"**/inkommet/{site.new}")
    page.get_by_label("Under handläggning").focus()
    keys.press("Space")
    keys.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Statusen är sparad.")


def test_no_other_address_is_asked_and_one_cookie_is_kept(
    site: Site, open_context: Callable[..., BrowserContext]
) -> None:
    context = open_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    sign_in(page, site)
    page.goto(f"{site.address}/inkommet/{site.new}")
    assert [url for url in asked if not url.startswith(site.address)] == []
    assert [cookie["name"] for cookie in context.cookies()] == ["kontakt_review"]
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]


def test_hostile_answers_run_nothing(site: Site, open_context: Callable[..., BrowserContext]) -> None:
    answers = {question.slot: PAYLOAD for question in FORM.questions if question.type in {"text", "long_text"}}
    reference = site.office.submit(answers | {PAYLOAD: PAYLOAD}, flags=(PAYLOAD,), municipality=PAYLOAD)
    page = open_context().new_page()
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    sign_in(page, site)
    page.goto(f"{site.address}/inkommet/{reference}")
    page.get_by_role("textbox", name="Anteckning").fill(PAYLOAD)
    press(page, "Spara anteckning")
    expect(page.get_by_role("region", name="Status och anteckningar")).to_contain_text(PAYLOAD)
    expect(page.get_by_role("region", name="Svar")).to_contain_text(PAYLOAD)
    assert page.locator("main script, main img").count() == 0
    assert heard == []


def test_going_back_after_signing_out_shows_nothing(site: Site, open_context: Callable[..., BrowserContext]) -> None:
    page = open_context().new_page()
    sign_in(page, site)
    page.goto(f"{site.address}/inkommet/{site.new}")
    expect(page.locator("main")).to_contain_text("Vendela Provsson")
    press(page, "Logga ut")
    page.wait_for_url("**/logga-in*")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Logga in")
    assert "Vendela" not in page.content()


def test_on_paper_there_are_answers_and_no_controls(site: Site, open_context: Callable[..., BrowserContext]) -> None:
    page = open_context().new_page()
    sign_in(page, site)
    page.goto(f"{site.address}/inkommet/{site.new}")
    page.emulate_media(media="print")
    for name in ("Spara status", "Spara anteckning", "Logga ut"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()
    expect(page.get_by_text("Vendela Provsson")).to_be_visible()
    expect(page.get_by_text("Har inte svarat om tolk.")).to_be_visible()
