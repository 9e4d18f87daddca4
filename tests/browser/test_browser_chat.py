"""The web chat in a real browser: keyboard, screen reader, small screens, broken connections, privacy."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, FloatRect, Locator, Page, Route, expect

from bot.channels.web import create_app
from bot.turn import Choice, DraftProgress, Receipt, Reply, Response, SourceLine, Turn
from bot.web.pages import AWAY

SOURCE = SourceLine("kontaktgrupp", "Vingåkers kommun", "vingaker", "Vingåkers kommun, foldern om kontaktgrupp")
MENU = (Choice("t:what_is", "Vad är en kontaktgrupp?"), Choice("f:ansokan", "Ansök om kontaktgrupp"))
DAYS = tuple(Choice(f"a:days:{day}", day) for day in ("Måndag", "Tisdag", "Onsdag", "Torsdag", "Fredag"))
WAYS = (
    Choice("d:abc:skip:days", "Hoppa över"),
    Choice("d:abc:why:days", "Varför frågar ni?"),
    Choice("d:abc:back:days", "Gå tillbaka"),
    Choice("d:abc:cancel", "Avbryt formuläret"),
)
SENDING = (
    Choice("d:abc:submit", "Skicka in"),
    Choice("d:abc:change", "Ändra ett svar"),
    Choice("d:abc:cancel", "Avbryt formuläret"),
)
QUESTION = Reply("Vilka dagar passar?", choices=DAYS + WAYS, progress="Fråga 4 av 11", expects="multi_choice")
STATES = ["t:what_is", "f:ansokan", "summary", "phone", "danger", "a:send", "word", "c:human"]


@dataclass
class Talk:
    """A small dialogue with one example of each kind of reply; a repeated message id is answered as before."""

    turns: list[Turn] = field(default_factory=list)
    answered: dict[str, Response] = field(default_factory=dict)
    languages: dict[str, str] = field(default_factory=dict)
    opening: tuple[Reply, ...] = (Reply("Hej! Jag är en dator. Vad vill du veta?", choices=MENU),)
    free_text: bool = True
    failures: int = 0

    def respond(self, turn: Turn) -> Response:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("a failure of the test's own")
        if turn.message_id not in self.answered:
            self.turns.append(turn)
            self.answered[turn.message_id] = self._answer(turn)
        return self.answered[turn.message_id]

    def missed(self, channel: str, sender: str, message_id: str) -> Response | None:
        known = {turn.message_id for turn in self.turns if (turn.channel, turn.sender) == (channel, sender)}
        return self.answered[message_id] if message_id in known else None

    def heard(self) -> list[str]:
        """What the resident has said, in order."""
        return [turn.text or turn.choice or "" for turn in self.turns if not turn.start]

    def _answer(self, turn: Turn) -> Response:
        said = turn.choice or turn.text or ""
        if said.startswith("c:language:"):
            self.languages[turn.sender] = said[-2:]
        draft = DraftProgress("ansokan_kontaktgrupp", "days", 3, 11)
        submission = Receipt("K7MWX2PD", "ansokan_kontaktgrupp") if said == "a:send" else None
        language = self.languages.get(turn.sender, "sv")
        return Response(self._replies(turn, said), language, draft=draft, submission=submission)

    def _replies(self, turn: Turn, said: str) -> tuple[Reply, ...]:
        if turn.start:
            return self.opening
        if said == "t:what_is":
            return (Reply("En grupp för barn. Ring 0151-191 00.", choices=MENU, sources=(SOURCE,)),)
        if said == "f:ansokan":
            return (Reply("Så här används dina svar."), QUESTION)
        if said == "summary":
            return (Reply("Här är dina svar. Vill du skicka in dem?", choices=SENDING),)
        if said in ("phone", "a:days:Fredag"):
            return (Reply("Vilket nummer har du?", progress="Fråga 5 av 11", expects="phone"),)
        if said == "danger":
            return (Reply("Är någon i fara? Ring 112.", tone="urgent", choices=MENU[:1]),)
        if said == "a:send":
            return (Reply("Tack! Din referens är K7MWX2PD."),)
        if said == "word":
            return (Reply("Ord" * 300, choices=(Choice("x", "Ett mycket långt val " * 6),)),)
        return (Reply(f"Du skrev: {said[:1000]}", choices=MENU),)


@dataclass(frozen=True)
class ChatSite:
    """A running web chat."""

    address: str
    talk: Talk


@pytest.fixture
def site() -> Iterator[ChatSite]:
    """The web chat over HTTP on loopback."""
    talk = Talk()
    app = create_app(
        talk.respond,
        session_secret=b"s" * 32,
        secure_cookies=False,
        municipalities={"vingaker": "Vingåkers kommun"},
        nlu_ready=lambda: talk.free_text,
        missed=talk.missed,
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield ChatSite(f"http://127.0.0.1:{listener.getsockname()[1]}", talk)
        server.should_exit = True
        thread.join()


@dataclass(frozen=True)
class Seen:
    """What a browser did behind the page: requests, and errors in its console (refusals by the CSP are such)."""

    requests: list[str]
    errors: list[str]


@dataclass(frozen=True)
class Visit:
    """One page in a context of its own."""

    page: Page
    context: BrowserContext
    seen: Seen


@pytest.fixture
def visit(browser: Browser, site: ChatSite) -> Iterator[Callable[..., Visit]]:
    """Opens the chat: visit(width=360, color_scheme="dark"). At the end no page may have had an error."""
    visits: list[Visit] = []

    def open_page(path: str = "/", width: int = 360, height: int = 740, **options: Any) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        seen = Seen([], [])
        context.on("request", lambda request: seen.requests.append(request.url))
        context.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.on("dialog", lambda dialog: seen.errors.append(dialog.message))
        page.goto(site.address + path)
        visits.append(Visit(page, context, seen))
        return visits[-1]

    yield open_page
    for opened in visits:
        opened.context.close()
        assert [error for error in opened.seen.errors if "Failed to load resource" not in error] == []


def say(page: Page, text: str) -> None:
    """Type a message, send it with Enter, wait for the answer."""
    turns = page.locator(".turn").count()
    page.get_by_label("Skriv ditt meddelande").fill(text)
    page.keyboard.press("Enter")
    page.locator(".turn").nth(turns).wait_for()


def focused(page: Page) -> str:
    """What has the focus: its text or its label."""
    text: str = page.evaluate(
        "(document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
        " || document.activeElement.name || '').trim()"
    )
    return text


def boxes(group: Locator, selector: str) -> list[FloatRect]:
    """Where the elements are on the page."""
    return [box for element in group.locator(selector).all() if (box := element.bounding_box())]


# --- keyboard and screen reader -------------------------------------------------------------------------------


def test_whole_conversation_with_the_keyboard_alone(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit().page
    page.keyboard.press("Tab")
    assert focused(page) == "Hoppa till meddelandefältet"
    for _ in range(20):
        page.keyboard.press("Tab")
        if focused(page) == "Ansök om kontaktgrupp":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("Vilka dagar passar?")).to_be_visible()
    assert focused(page) == "Svarsalternativ"
    for _ in DAYS:
        page.keyboard.press("Tab")
    assert focused(page) == "Fredag"
    page.keyboard.press("Space")
    expect(page.get_by_text("Vilket nummer har du?")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.type("070-1740605")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("ring gärna")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Du skrev: 070-1740605")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "text"
    assert site.talk.heard() == ["f:ansokan", "a:days:Fredag", "070-1740605\nring gärna"]


def test_menu_closes_with_escape_and_gives_the_focus_back(visit: Callable[..., Visit]) -> None:
    page = visit().page
    page.get_by_text("Meny").press("Enter")
    expect(page.get_by_role("link", name="Om Kontakt")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Om Kontakt")).to_be_hidden()
    assert focused(page) == "Meny"


def test_replies_come_in_the_live_region(visit: Callable[..., Visit]) -> None:
    page = visit().page
    log = page.get_by_role("log", name="Samtalet")
    expect(log).to_contain_text("Hej! Jag är en dator.")
    page.evaluate("document.querySelector('[role=log]').dataset.kept = 'yes'")
    say(page, "Vad gäller?")
    expect(log.locator(".mine")).to_contain_text("Du skrev")
    expect(log.get_by_role("heading", name="Kontakt svarar")).to_have_count(2)
    expect(log.locator(".turn").last).to_have_attribute("lang", "sv")
    expect(log.get_by_role("group", name="Svarsalternativ", exact=True)).to_have_count(1)
    expect(log.get_by_role("group", name="Tidigare svarsalternativ")).to_have_count(1)
    expect(log).to_have_attribute("data-kept", "yes")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_any_state(visit: Callable[..., Visit], site: ChatSite, scheme: str, width: int) -> None:
    site.talk.free_text = False
    page = visit("/?kommun=vingaker", width=width, color_scheme=scheme).page
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    for state in STATES:
        say(page, state)
        report = Axe().run(page)
        assert report.violations_count == 0, f"{state}: {report.generate_report()}"
    page.get_by_text("Meny").click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_label("Write your message")).to_be_visible()
    for path in ("", "/om", "/tillganglighet", "/finns-inte"):
        if path:
            page.goto(site.address + path)
        report = Axe().run(page)
        assert report.violations_count == 0, f"{path}: {report.generate_report()}"


def test_server_and_script_show_a_reply_alike(visit: Callable[..., Visit], browser: Browser, site: ChatSite) -> None:
    by_script = visit().page
    context = browser.new_context(java_script_enabled=False)
    by_server = context.new_page()
    by_server.goto(site.address)
    pages = (by_script, by_server)
    for state in ("t:what_is", "f:ansokan", "summary", "danger", "a:send"):
        say(by_script, state)
        by_server.get_by_label("Skriv ditt meddelande").fill(state)
        by_server.get_by_role("button", name="Skicka", exact=True).click()
        shown = [
            [" ".join(part.split()) for part in page.locator(".turn").last.inner_text().splitlines() if part.strip()]
            for page in pages
        ]
        assert shown[0] == shown[1]
        buttons = [page.locator(".turn").last.locator("button") for page in pages]
        looks = [each.evaluate_all("all => all.map(b => [b.className, b.parentNode.className])") for each in buttons]
        assert looks[0] == looks[1]
        links = [page.locator(".turn").last.locator("a") for page in pages]
        assert [all_links.evaluate_all("all => all.map(a => a.href)") for all_links in links] == [
            ["tel:015119100"] if state == "t:what_is" else ["tel:112"] if state == "danger" else []
        ] * 2
    context.close()


# --- small screens --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(320, 568), (320, 256), (640, 400)])
def test_nothing_sticks_out_sideways(visit: Callable[..., Visit], site: ChatSite, width: int, height: int) -> None:
    page = visit("/?kommun=vingaker", width=width, height=height).page
    for state in STATES:
        say(page, state)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, state
    for path in ("/om", "/tillganglighet", "/finns-inte"):
        page.goto(site.address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_targets_are_large_enough_to_tap(visit: Callable[..., Visit]) -> None:
    page = visit("/?kommun=vingaker").page
    say(page, "f:ansokan")
    page.get_by_text("Meny").click()
    sizes = page.locator("button, summary, textarea, header a").evaluate_all(
        "all => all.filter(e => e.checkVisibility()).map(e => [e.textContent, e.getBoundingClientRect().width,"
        " e.getBoundingClientRect().height])"
    )
    assert len(sizes) > 10
    assert [size for size in sizes if size[1] < 44 or size[2] < 44] == []


@pytest.mark.parametrize("script", [True, False])
def test_ways_around_a_question_are_quiet_and_below_its_answers(visit: Callable[..., Visit], script: bool) -> None:
    page = visit(java_script_enabled=script).page
    for state, answers, ways in (("f:ansokan", DAYS, WAYS), ("summary", SENDING[:1], SENDING[1:])):
        page.get_by_label("Skriv ditt meddelande").fill(state)
        page.get_by_role("button", name="Skicka", exact=True).click()
        group = page.locator(".choices:not(.old)").filter(has_text=answers[0].label)
        expect(group.locator("button:not(.secondary)")).to_have_text([answer.label for answer in answers])
        expect(group.locator("button.secondary")).to_have_text([way.label for way in ways])
        bottom = max(box["y"] + box["height"] for box in boxes(group, "button:not(.secondary)"))
        rows = {round(box["y"]) for box in boxes(group, "button.secondary")}
        assert min(rows) >= bottom and len(rows) <= 2
    expect(page.locator("button.primary")).to_have_text([SENDING[0].label])


def test_newest_reply_is_in_view_and_the_ways_out_stay(visit: Callable[..., Visit]) -> None:
    page = visit().page
    for _ in range(6):
        say(page, "Vad gäller?")
    expect(page.locator(".reply").last).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Prata med en människa")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("link", name="Lämna sidan snabbt")).to_be_in_viewport(ratio=1)
    expect(page.get_by_label("Skriv ditt meddelande")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(("said", "inputmode", "autocomplete"), [("phone", "tel", "tel"), ("f:ansokan", "text", "off")])
def test_keyboard_suits_the_question(visit: Callable[..., Visit], said: str, inputmode: str, autocomplete: str) -> None:
    page = visit().page
    say(page, said)
    field = page.get_by_label("Skriv ditt meddelande")
    expect(field).to_have_attribute("inputmode", inputmode)
    expect(field).to_have_attribute("autocomplete", autocomplete)


# --- connection -----------------------------------------------------------------------------------------------


def test_a_broken_connection_loses_nothing_and_sends_nothing_twice(visit: Callable[..., Visit], site: ChatSite) -> None:
    """The first attempt never arrives; the second arrives, but its answer is lost; the third gets the answer."""
    page = visit().page
    attempts: list[str] = []

    def disturb(route: Route) -> None:
        attempts.append(json.loads(route.request.post_data or "")["message_id"])
        if len(attempts) == 1:
            route.abort("connectionrefused")
        elif len(attempts) == 2:
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/turn", disturb)
    page.get_by_label("Skriv ditt meddelande").fill("Vad kostar det?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ingen kontakt just nu. Vi försöker igen")).to_be_visible()
    expect(page.locator(".mine .text")).to_have_text("Vad kostar det?")
    expect(page.locator(".mine .delivery")).to_have_text("Inte skickat än")
    page.get_by_label("Skriv ditt meddelande").fill("En till fråga")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Du skrev: En till fråga")).to_be_visible(timeout=15_000)
    assert page.locator(".turn .text").all_inner_texts()[1:] == ["Du skrev: Vad kostar det?", "Du skrev: En till fråga"]
    assert len(attempts) == 4 and len(set(attempts[:3])) == 1 and attempts[3] != attempts[0]
    assert site.talk.heard() == ["Vad kostar det?", "En till fråga"]
    expect(page.locator(".mine .delivery").first).to_be_hidden()


def lose_replies(route: Route) -> None:
    """The message arrives, its answer does not."""
    route.fetch()
    route.abort("connectionreset")


def send_in_vain(page: Page, text: str) -> None:
    """Type a message and send it, until the page says that there is no answer."""
    page.get_by_label("Skriv ditt meddelande").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ingen kontakt just nu. Vi försöker igen")).to_be_visible()


def wait_until_asked(page: Page) -> None:
    """Until the page has asked for what it missed, and remembers no message."""
    began = time.monotonic()
    while page.evaluate("sessionStorage.length"):
        assert time.monotonic() - began < 10
        page.wait_for_timeout(20)


def test_a_page_that_was_reloaded_shows_the_reply_that_it_missed(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit().page
    opening = page.locator(".turn .text").all_inner_texts()
    page.route("**/turn", lose_replies)
    send_in_vain(page, "Vad kostar det?")
    kept = page.evaluate("Object.values(sessionStorage)")
    assert [json.loads(value) for value in kept] == [[site.talk.turns[-1].message_id]]
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)
    assert page.locator(".turn .text").all_inner_texts() == ["Du skrev: Vad kostar det?", *opening]
    expect(page.locator(".turn").first).to_be_in_viewport()
    expect(page.locator(".turn").first.get_by_role("group", name="Tidigare svarsalternativ")).to_have_count(1)
    expect(page.locator(".turn").last.get_by_role("group", name="Svarsalternativ", exact=True)).to_have_count(1)
    assert site.talk.heard() == ["Vad kostar det?"]
    page.unroute("**/turn")
    say(page, "En till fråga")
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    page.wait_for_load_state("networkidle")
    assert page.locator(".turn .text").all_inner_texts() == opening


@pytest.mark.parametrize(
    ("opening", "shown"),
    [
        (
            (Reply("Du håller på med en ansökan."), QUESTION),
            ["Så här används dina svar.", "Du håller på med en ansökan.", "Vilka dagar passar?"],
        ),
        ((Reply("Så här används dina svar."), QUESTION), ["Så här används dina svar.", "Vilka dagar passar?"]),
    ],
    ids=["the same question", "the same replies"],
)
def test_what_a_reloaded_page_asks_is_not_shown_twice(
    visit: Callable[..., Visit], site: ChatSite, opening: tuple[Reply, ...], shown: list[str]
) -> None:
    page = visit().page
    page.route("**/turn", lose_replies)
    send_in_vain(page, "f:ansokan")
    site.talk.opening = opening
    page.reload()
    wait_until_asked(page)
    assert page.locator(".turn .text").all_inner_texts() == shown
    expect(page.get_by_role("button", name="Fredag")).to_have_count(1)


def test_a_reloaded_page_asks_again_when_it_got_no_answer(visit: Callable[..., Visit]) -> None:
    page = visit().page
    page.route("**/turn", lose_replies)
    send_in_vain(page, "Vad kostar det?")
    page.route("**/missed", lambda route: route.abort("connectionrefused"))
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/missed")):
        page.reload()
    expect(page.locator(".turn")).to_have_count(1)
    page.unroute("**/missed")
    page.reload()
    expect(page.get_by_text("Du skrev: Vad kostar det?")).to_be_visible()


def test_a_message_that_never_arrived_leaves_nothing_behind(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit().page
    page.route("**/turn", lambda route: route.abort("connectionrefused"))
    send_in_vain(page, "Vad kostar det?")
    page.reload()
    wait_until_asked(page)
    expect(page.locator(".turn")).to_have_count(1)
    assert site.talk.heard() == []


def test_a_failing_server_is_tried_again_and_then_given_up(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit().page
    site.talk.failures = 1
    say(page, "Först")
    expect(page.get_by_text("Du skrev: Först")).to_be_visible()
    site.talk.failures = 4
    page.get_by_label("Skriv ditt meddelande").fill("Sedan")
    page.keyboard.press("Enter")
    for _ in range(3):
        page.get_by_role("button", name="Försök nu").click()
        expect(page.locator("#trouble")).to_contain_text("Något gick fel hos oss.")
    expect(page.locator("#trouble")).to_contain_text("Vid fara för liv eller hälsa, ring 112.")
    expect(page.get_by_label("Skriv ditt meddelande")).to_have_value("Sedan")
    say(page, "Sedan")
    assert site.talk.heard() == ["Först", "Sedan"]


def test_a_lost_session_says_so_and_gives_the_text_back(visit: Callable[..., Visit], site: ChatSite) -> None:
    opened = visit()
    opened.context.clear_cookies()
    opened.page.get_by_label("Skriv ditt meddelande").fill("En lång berättelse")
    opened.page.keyboard.press("Enter")
    expect(opened.page.locator("#trouble")).to_contain_text("Ladda om sidan")
    expect(opened.page.get_by_label("Skriv ditt meddelande")).to_have_value("En lång berättelse")
    assert site.talk.heard() == []


def test_much_too_long_text_stays_in_the_field(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit().page
    page.get_by_label("Skriv ditt meddelande").fill("å" * 200_000)
    page.keyboard.press("Enter")
    expect(page.locator("#trouble")).to_have_text("Texten är för lång. Korta den och skicka igen.")
    assert len(page.get_by_label("Skriv ditt meddelande").input_value()) == 200_000
    say(page, "å" * 100_000)
    assert site.talk.heard() == ["å" * 100_000]


def test_a_double_tap_sends_once(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit().page
    page.get_by_role("button", name="Ansök om kontaktgrupp").dblclick()
    expect(page.get_by_text("Vilka dagar passar?")).to_be_visible()
    assert site.talk.heard() == ["f:ansokan"]


def test_an_old_choice_can_still_be_tapped(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit().page
    say(page, "Vad gäller?")
    page.get_by_role("group", name="Tidigare svarsalternativ").get_by_text("Ansök om kontaktgrupp").click()
    expect(page.get_by_text("Vilka dagar passar?")).to_be_visible()
    assert site.talk.heard() == ["Vad gäller?", "f:ansokan"]


def test_notice_goes_away_when_free_text_works(visit: Callable[..., Visit], site: ChatSite) -> None:
    site.talk.free_text = False
    page = visit().page
    notice = page.get_by_text("Fri text fungerar om en liten stund. Knapparna fungerar redan.")
    expect(notice).to_be_visible()
    site.talk.free_text = True
    expect(notice).to_be_hidden(timeout=10_000)
    expect(page.get_by_role("status").filter(has_text="Nu fungerar fri text också.")).to_have_count(1)


# --- privacy and hostile text ---------------------------------------------------------------------------------


def test_no_request_to_anyone_else_and_one_cookie(visit: Callable[..., Visit], site: ChatSite) -> None:
    opened = visit("/?kommun=vingaker")
    for state in STATES:
        say(opened.page, state)
    for path in ("/om", "/tillganglighet", "/finns-inte", "/"):
        opened.page.goto(site.address + path)
    assert {request for request in opened.seen.requests if not request.startswith(f"{site.address}/")} == set()
    cookies = opened.context.cookies()
    assert [(cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) for cookie in cookies] == [(True, "Strict", -1)]
    assert opened.page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert opened.page.title() == "Kontakt"


def test_hostile_text_runs_nowhere(visit: Callable[..., Visit]) -> None:
    page = visit().page
    for text in (
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "[x](javascript:alert(1))",
        "{{7*7}}",
    ):
        say(page, text)
        expect(page.locator(".mine .text").last).to_have_text(text)
        expect(page.locator(".turn .text").last).to_have_text(f"Du skrev: {text}")
    assert page.locator(".log img, .log script, .log a").count() == 0


def test_leaving_fast_forgets_the_conversation(visit: Callable[..., Visit], site: ChatSite) -> None:
    opened = visit("/om")
    opened.context.route(f"{AWAY}**", lambda route: route.fulfill(body="weather", content_type="text/html"))
    opened.page.goto(f"{site.address}/?kommun=vingaker")
    say(opened.page, "phone")
    opened.page.route("**/turn", lose_replies)
    send_in_vain(opened.page, "danger")
    opened.page.get_by_role("link", name="Lämna sidan snabbt").click()
    opened.page.wait_for_url(AWAY)
    opened.page.go_back()
    assert opened.page.url == f"{site.address}/om"
    assert opened.page.evaluate("sessionStorage.length") == 0
    assert opened.context.cookies() == []


def test_a_link_on_another_site_finds_the_old_conversation(visit: Callable[..., Visit], site: ChatSite) -> None:
    opened = visit()
    say(opened.page, "Vad gäller?")
    opened.page.goto(site.address.replace("127.0.0.1", "localhost") + "/om")
    opened.page.evaluate("address => { location.href = address; }", f"{site.address}/?kommun=vingaker")
    expect(opened.page.get_by_text("Vingåkers kommun")).to_be_visible()
    opened.page.wait_for_url(f"{site.address}/")
    assert len({turn.sender for turn in site.talk.turns}) == 1


# --- language, and no script ----------------------------------------------------------------------------------


def test_the_page_changes_language_with_the_conversation(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit().page
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("button", name="Talk to a person")).to_be_visible()
    expect(page.get_by_role("log", name="The conversation")).to_be_visible()
    expect(page.get_by_placeholder("Write your message")).to_be_visible()
    assert page.locator(".menu a").first.get_attribute("href") == "/om?lang=en"
    page.get_by_role("button", name="Svenska").click()
    expect(page.locator("html")).to_have_attribute("lang", "sv")
    assert site.talk.heard() == ["c:language:en", "c:language:sv"]


def test_conversation_without_javascript(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit("/?kommun=vingaker", java_script_enabled=False).page
    page.get_by_role("button", name="Ansök om kontaktgrupp").click()
    expect(page.get_by_text("Vilka dagar passar?")).to_be_visible()
    page.get_by_label("Skriv ditt meddelande").fill("Hellre helger")
    page.get_by_role("button", name="Skicka").click()
    expect(page.get_by_text("Du skrev: Hellre helger")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Du skrev: Hellre helger")).to_be_visible()
    page.get_by_role("button", name="Prata med en människa").click()
    expect(page.get_by_text("Du skrev: c:human")).to_be_visible()
    assert site.talk.heard() == ["f:ansokan", "Hellre helger", "c:human"]
    assert len({turn.sender for turn in site.talk.turns}) == 1


def test_answers_while_many_write_at_once(visit: Callable[..., Visit], site: ChatSite) -> None:
    page = visit().page
    field = page.get_by_label("Skriv ditt meddelande")
    for number in range(5):
        field.fill(f"nummer {number}")
        page.keyboard.press("Enter")
    expect(page.locator(".turn")).to_have_count(6)
    assert site.talk.heard() == [f"nummer {number}" for number in range(5)]
