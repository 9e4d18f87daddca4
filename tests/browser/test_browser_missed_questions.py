"""The story of a question without an answer: asked in the web chat, read by staff, with no person left in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import chat_page
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect
from running_kontakt import RunningKontakt
from staff import make_account_and_sign_in

from settings import ROOT

PICTURES = ROOT / "var" / "pictures"
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
UNKNOWN = "Kan ni hjälpa mig med försörjningsstöd? Jag heter Amir Testsson."
KNOWN = "Vad kostar kontaktgruppen för Noor Testdotter?"
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (320, "light"), (320, "dark"))
NAMES = ("Amir", "Testsson", "Noor", "Testdotter")


@pytest.fixture(scope="module")
def kontakt(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> Iterator[RunningKontakt]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    running = RunningKontakt(tmp_path_factory.mktemp("var"), nlu_model)
    running.wait_until_up()
    running.wait_until_free_text()
    yield running
    running.stop()


def _row(page: Page, words: str) -> Locator:
    row = page.get_by_role("row").filter(has_text=words)
    expect(row).to_have_count(1)
    return row


def _is_accessible_and_fits(page: Page) -> None:
    found = Axe().run(page, options=AXE).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_from_a_question_to_those_who_write_the_answers(browser: Browser, kontakt: RunningKontakt) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, locale="sv-SE")
    chat = phone.new_page()
    chat.goto(f"{kontakt.web}/?kommun=sala")
    chat_page.say(chat, UNKNOWN)
    expect(chat.get_by_role("log")).to_contain_text("Det vet jag tyvärr inte.")
    chat_page.say(chat, KNOWN)
    expect(chat.get_by_role("log")).to_contain_text("Källa")
    chat_page.tap(chat, "Hjälpte inte")
    expect(chat.get_by_role("log")).to_contain_text("Frågan sparas i 30 dagar utan namn och siffror")
    phone.close()

    desk = browser.new_context(viewport={"width": 1280, "height": 900}, locale="sv-SE", java_script_enabled=False)
    staff = desk.new_page()
    make_account_and_sign_in(staff, kontakt)
    staff.get_by_role("link", name="Frågor utan svar").click()
    expect(staff.get_by_role("heading", level=1)).to_have_text("Frågor utan svar")
    unknown, known = _row(staff, "försörjningsstöd"), _row(staff, "kontaktgruppen")
    for words in ("Chatten hade inget svar", "Inget", "Sala", "svenska"):
        expect(unknown).to_contain_text(words)
    for words in ("Svaret hjälpte inte", "Vad det kostar", "Kontaktgrupp", "Sala", "svenska"):
        expect(known).to_contain_text(words)
    assert [name for name in NAMES if name in staff.content()] == []
    staff.screenshot(path=PICTURES / "missed-questions.png", full_page=True)

    staff.get_by_label("Varför frågan står här").select_option("Svaret hjälpte inte")
    staff.get_by_role("button", name="Visa").click()
    expect(staff.get_by_role("row").filter(has_text="försörjningsstöd")).to_have_count(0)
    _row(staff, "kontaktgruppen")
    signed_in = desk.storage_state()
    desk.close()

    for width, scheme in LOOKS:
        window = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, locale="sv-SE", storage_state=signed_in
        )
        page = window.new_page()
        page.goto(f"{kontakt.review}/fragor")
        _row(page, "försörjningsstöd")
        _is_accessible_and_fits(page)
        page.screenshot(path=PICTURES / f"missed-questions-{width}-{scheme}.png", full_page=True)
        window.close()
    _nothing_readable_on_disk(kontakt)


def _nothing_readable_on_disk(kontakt: RunningKontakt) -> None:
    """Neither the question nor a name in it is found in the database, its -wal and -shm, or in the log."""
    for path in (*kontakt.var.glob("kontakt.db*"), kontakt.log):
        content = path.read_bytes()
        for words in (*NAMES, "försörjningsstöd", "kontaktgruppen"):
            assert words.encode() not in content, f"{words!r} in {path.name}"
