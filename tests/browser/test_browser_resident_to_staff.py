"""The whole story in a real browser: a question, an application, and what the staff see of it.

The pictures in the README are made here (`make pictures`).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import chat_page
import pytest
from playwright.sync_api import Browser, Page, expect
from running_kontakt import RunningKontakt
from staff import make_account_and_sign_in

from settings import ROOT

PICTURES = ROOT / "var" / "pictures"
ANSWERS = {
    "skyddade personuppgifter": "Nej",
    "Vem är du?": "Vårdnadshavare",
    "Vad heter barnet?": "Noor Testdotter",
    "Vilken årskurs": "femman",
    "Vilken skola": "Testskolan",
    "egna ord": "Hon är ofta ensam efter skolan.",
    "Vad heter du?": "Amir Testsson",
    "Vilket telefonnummer har du?": "070-174 06 33",
}
"""Words of a question -> what the guardian writes or taps. Other questions are skipped, or get their first option."""


@pytest.fixture(scope="module")
def kontakt(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> Iterator[RunningKontakt]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    running = RunningKontakt(tmp_path_factory.mktemp("var"), nlu_model)
    running.wait_until_up()
    running.wait_until_free_text()
    yield running
    running.stop()


def _last_reply(page: Page) -> str:
    return page.get_by_role("log").locator(".reply").last.inner_text()


def test_from_the_first_question_to_the_audit_trail(browser: Browser, kontakt: RunningKontakt) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, locale="sv-SE", device_scale_factor=2)
    page = phone.new_page()
    page.goto(f"{kontakt.web}/?kommun=vingaker")
    expect(page.get_by_role("log")).to_contain_text("Jag är en dator, inte en människa")

    chat_page.say(page, "Vad är en kontaktgrupp?")
    expect(page.get_by_role("log")).to_contain_text("Vingåkers kommun, foldern om kontaktgrupp")
    page.screenshot(path=PICTURES / "chat.png")

    reference = _apply(page)
    assert len(reference) == 8
    phone.close()

    desk = browser.new_context(viewport={"width": 1280, "height": 900}, locale="sv-SE")
    staff = desk.new_page()
    make_account_and_sign_in(staff, kontakt)
    row = staff.get_by_role("row").filter(has_text=reference)
    expect(row).to_contain_text("Vingåker")
    assert "Noor" not in staff.content()
    staff.screenshot(path=PICTURES / "review-list.png")

    row.get_by_role("link").first.click()
    for answer in ("Noor Testdotter", "Amir Testsson", "Hon är ofta ensam efter skolan."):
        expect(staff.locator("main")).to_contain_text(answer)
    staff.screenshot(path=PICTURES / "review.png")
    staff.get_by_label("Under handläggning").check()
    staff.get_by_role("button", name="Spara status").click()
    expect(staff.locator("main")).to_contain_text("Nu: Under handläggning")
    expect(staff.get_by_role("region", name="Status och anteckningar")).to_contain_text("karin")
    desk.close()

    shown = kontakt.run("submissions", "show", reference, "--json")
    found = json.loads(shown.stdout)
    assert found["answers"]["barnets_namn"] == "Noor Testdotter"
    assert found["status"] == "in_review"
    assert found["municipality"] == "vingaker"
    _nothing_readable_on_disk(kontakt)


def _apply(page: Page) -> str:
    """Fill in the application for a kontaktgrupp, ask a question in the middle, send it; gives the reference."""
    chat_page.say(page, "Jag vill ansöka om kontaktgrupp till min dotter")
    asked = False
    for _ in range(40):
        question = _last_reply(page)
        if "Stämmer allt?" in question:
            break
        if "Vad heter barnet?" in question and not asked:
            chat_page.say(page, "vad kostar det egentligen?")
            expect(page.get_by_role("log")).to_contain_text("kostar inget att vara med")
            assert "Vad heter barnet?" in _last_reply(page)
            asked = True
            continue
        _answer(page, question)
    chat_page.tap(page, "Skicka in")
    receipt = _last_reply(page)
    assert "Din referens är" in receipt
    return receipt.split("Din referens är ")[1][:8]


def _answer(page: Page, question: str) -> None:
    labels = page.get_by_role("log").locator(".choices").last.get_by_role("button").all_inner_texts()
    answer = next((typed for words, typed in ANSWERS.items() if words in question), None)
    if answer and answer not in labels:
        chat_page.say(page, answer)
    else:
        chat_page.tap(page, answer or ("Hoppa över" if "Hoppa över" in labels else labels[0]))


def _nothing_readable_on_disk(kontakt: RunningKontakt) -> None:
    """No name typed into a form is found in the database, its -wal and -shm, or in any log."""
    for path in (*kontakt.var.glob("kontakt.db*"), kontakt.log):
        content = path.read_bytes()
        for name in (b"Noor", b"Testdotter", b"Amir", b"1740633", b"ensam efter"):
            assert name not in content, f"{name!r} in {path.name}"
