"""From a kurator to a guardian to the staff in a real browser: link, code and paper; the answers; what staff see.

Pictures of the pages that are not the chat are made here, as telephones show them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import chat_page
import pytest
from axe_playwright_python.sync_playwright import Axe
from handing_over import ANSWERS, links_in
from playwright.sync_api import Browser, BrowserContext, Page, expect
from running_kontakt import RunningKontakt
from staff import make_account_and_sign_in

from settings import ROOT

PICTURES = ROOT / "var" / "pictures"
PHONE = {"width": 390, "height": 844}
CODE, SHEET = "Du har fått en ansökan att läsa", "Skriv ut till vårdnadshavaren"


@pytest.fixture(scope="module")
def kontakt(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> Iterator[RunningKontakt]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    running = RunningKontakt(tmp_path_factory.mktemp("var"), nlu_model)
    running.wait_until_up()
    running.wait_until_free_text()
    yield running
    running.stop()


def phone(browser: Browser, **more: str) -> BrowserContext:
    return browser.new_context(viewport=PHONE, locale="sv-SE", device_scale_factor=2, **more)  # type: ignore[arg-type]


def clean(page: Page) -> None:
    """axe finds nothing, and nothing has to be scrolled sideways."""
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def fill_in(page: Page, kontakt: RunningKontakt) -> None:
    """Fill in the application as a kurator, up to the summary."""
    page.goto(f"{kontakt.web}/?kommun=vingaker")
    chat_page.tap(page, "Ansök till kontaktgrupp")
    for _ in range(40):
        question = page.get_by_role("log").locator(".turn").last.inner_text()
        if "Stämmer allt?" in question:
            return
        labels = page.get_by_role("log").locator(".choices").last.get_by_role("button").all_inner_texts()
        answer = next((ANSWERS[slot] for slot, words in WORDS.items() if words in question), None)
        if answer and answer not in labels:
            chat_page.say(page, answer)
        else:
            chat_page.tap(page, answer or ("Hoppa över" if "Hoppa över" in labels else labels[0]))
            if "Klar" in page.get_by_role("log").locator(".choices").last.get_by_role("button").all_inner_texts():
                chat_page.tap(page, "Klar")
    raise AssertionError("no summary")


WORDS = {
    "skyddade_uppgifter": "skyddade personuppgifter",
    "vem_fyller_i": "Vem är du?",
    "arende": "Vad vill du göra?",
    "barnets_namn": "Vad heter barnet?",
    "arskurs": "Vilken årskurs",
    "skola": "Vilken skola",
    "behov": "Varför skulle en kontaktgrupp",
    "kontaktvag": "Hur vill du bli kontaktad?",
    "epost": "Vilken e-postadress",
    "vardnadshavare_telefon": "Vilket telefonnummer har vårdnadshavaren",
    "vardnadshavare": "Vad heter barnets vårdnadshavare?",
    "namn": "Vad heter du?",
    "roll": "Hur känner du barnet?",
}
"""Slot -> words of its question."""


def test_from_the_kurator_to_the_guardian_to_the_staff(browser: Browser, kontakt: RunningKontakt) -> None:
    desk = browser.new_context(viewport={"width": 1280, "height": 900}, locale="sv-SE", accept_downloads=True)
    kurator = desk.new_page()
    fill_in(kurator, kontakt)
    pdf = _blankett(kurator)
    assert pdf.startswith(b"%PDF-")

    chat_page.tap(kurator, "Tillbaka till sammanfattningen")
    chat_page.tap(kurator, "Lämna över till vårdnadshavare")
    chat_page.tap(kurator, "Två vårdnadshavare")
    told = kurator.get_by_role("log").locator(".turn").last.inner_text()
    links = links_in(told)
    clean(kurator)
    _paper(desk, kurator, told)

    mother = phone(browser)
    page = mother.new_page()
    _open(page, kontakt, links[0])
    chat_page.say(page, "Karin Påhittad")
    expect(page.get_by_role("log")).to_contain_text("Barnets namn: Elsa Påhittad (den som började")
    clean(page)
    page.screenshot(path=PICTURES / "guardian.png", full_page=True)
    chat_page.tap(page, "Ändra ett svar")
    chat_page.tap(page, "Skola")
    chat_page.say(page, "Lilla Testskolan")
    chat_page.tap(page, "Godkänn och skicka")
    receipt = page.get_by_role("log").locator(".reply").last.inner_text()
    reference = receipt.split("Din referens är ")[1][:8]

    father = phone(browser)
    other = father.new_page()
    _open(other, kontakt, links[1])
    chat_page.say(other, "Amir Påhittad")
    expect(other.get_by_role("log")).to_contain_text("redan skickad")
    assert "070-174 06 11" not in other.content()
    chat_page.tap(other, "Tacka nej")
    chat_page.say(other, "Jag vill prata med er först.")

    chat_page.say(kurator, "mina")
    expect(kurator.get_by_role("log")).to_contain_text("Mottagen av kommunen")
    assert reference not in kurator.content()
    _staff(browser, kontakt, reference)
    for context in (desk, mother, father):
        context.close()


def _blankett(kurator: Page) -> bytes:
    chat_page.tap(kurator, "Skriv ut som blankett")
    address = kurator.get_by_role("log").locator("a[href*='/blankett/']").last.get_attribute("href")
    assert address
    answer = kurator.request.get(address)
    assert answer.ok and answer.headers["content-type"] == "application/pdf"
    return answer.body()


def _paper(desk: BrowserContext, kurator: Page, told: str) -> None:
    address = re.search(r"http\S+/overlamning/blad/\w+", told)
    assert address
    paper = desk.new_page()
    paper.set_viewport_size(PHONE)
    paper.goto(address[0])
    expect(paper.get_by_role("heading", name=SHEET)).to_be_visible()
    clean(paper)
    paper.screenshot(path=PICTURES / "sheet.png", full_page=True)
    for name in ("Elsa", "Karin", "Kim", "kim@example.com"):
        assert name not in paper.content()
    paper.emulate_media(media="print")
    assert not paper.get_by_role("banner").is_visible()
    pages = re.findall(rb"/Type\s*/Page\b", paper.pdf(format="A4"))
    assert len(pages) == 2
    paper.close()
    assert kurator.url.endswith("/?kommun=vingaker")


def _open(page: Page, kontakt: RunningKontakt, link: tuple[str, str]) -> None:
    """Open the link, type a wrong code and then the right one."""
    page.goto(f"{kontakt.web}/overlamning/{link[0]}")
    expect(page.get_by_role("heading", name=CODE)).to_be_visible()
    clean(page)
    page.screenshot(path=PICTURES / "code.png", full_page=True)
    page.get_by_label("Kod").fill("000 000" if link[1] != "000000" else "111 111")
    page.get_by_role("button", name="Öppna ansökan").click()
    expect(page.get_by_role("alert")).to_contain_text("Du har 4 försök kvar")
    expect(page.get_by_label("Kod")).to_be_focused()
    clean(page)
    page.screenshot(path=PICTURES / "code-wrong.png", full_page=True)
    page.get_by_label("Kod").fill(link[1])
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("Vad heter du som är vårdnadshavare?")
    expect(page).to_have_url(f"{kontakt.web}/")


def _staff(browser: Browser, kontakt: RunningKontakt, reference: str) -> None:
    desk = browser.new_context(viewport={"width": 1280, "height": 900}, locale="sv-SE")
    staff = desk.new_page()
    make_account_and_sign_in(staff, kontakt)
    staff.get_by_role("row").filter(has_text=reference).get_by_role("link").first.click()
    main = staff.locator("main")
    for words in ("Lilla Testskolan", "Vårdnadshavare 1, ", "Yrkesperson, ", "070-174 06 11", "Karin Påhittad"):
        expect(main).to_contain_text(words)
    for words in ("Amir Påhittad", "tackade nej", "Jag vill prata med er först."):
        expect(main).to_contain_text(words)
    clean(staff)
    staff.screenshot(path=PICTURES / "review-baton.png", full_page=True)
    staff.get_by_label("Vad behöver ni veta?").fill("Vilka dagar passar det att bli hämtad?")
    staff.get_by_role("button", name="Skicka frågan").click()
    expect(main).to_contain_text("Inte besvarat än")
    expect(main).to_contain_text("Väntar på komplettering")
    staff.get_by_label("Skäl").fill("Ett samråd pågår.")
    staff.get_by_role("button", name="Gallra inte").click()
    expect(main).to_contain_text("Behålls sedan")
    staff.get_by_label("Överlämnat").check()
    staff.get_by_role("button", name="Spara status").click()
    staff.get_by_label("Ärendets nummer hos er").fill("26-17")
    staff.get_by_role("button", name="Bekräfta att det är överfört").click()
    expect(main).to_contain_text("Nummer: 26-17")
    staff.set_viewport_size({"width": 320, "height": 700})
    clean(staff)
    staff.screenshot(path=PICTURES / "review-baton-narrow.png", full_page=True)
    desk.close()


def test_the_code_page_without_script_and_in_the_dark(browser: Browser, kontakt: RunningKontakt) -> None:
    context = browser.new_context(
        viewport={"width": 320, "height": 640}, java_script_enabled=False, color_scheme="dark", locale="sv-SE"
    )
    page = context.new_page()
    page.goto(f"{kontakt.web}/overlamning/{'A' * 24}?lang=en")
    page.get_by_label("Code", exact=True).fill("123456")
    page.screenshot(path=PICTURES / "code-dark.png", full_page=True)
    page.get_by_role("button", name="Open the application").click()
    expect(page.locator("main")).to_contain_text("The link does not work")
    page.screenshot(path=PICTURES / "gone-dark.png", full_page=True)
    page.goto(f"{kontakt.web}/fortsatt/{'A' * 24}?lang=sv&kommun=vingaker")
    page.get_by_role("button", name="Fortsätt", exact=True).click()
    expect(page.locator("main")).to_contain_text("redan använd eller för gammal")
    context.close()
