"""The same story over Telegram: a question, an intresseanmälan, and what the staff see of it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_telegram import TOKEN, FakeTelegram
from playwright.sync_api import Browser, expect
from running_kontakt import RunningKontakt
from staff import make_account_and_sign_in

CHAT = 7100
ANSWERS = {
    "skyddade personuppgifter": "Nej",
    "Vad heter du?": "Sofia Testlund",
    "Vilket telefonnummer": "070-174 06 41",
    "Hur vill du bli kontaktad?": "Ring, ni får lämna meddelande",
}
"""Words of a question -> what the volunteer writes or taps. Other questions are skipped, or get their first option."""


@pytest.fixture
def fake() -> Iterator[FakeTelegram]:
    server = FakeTelegram()
    yield server
    server.close()


@pytest.fixture
def kontakt(tmp_path: Path, nlu_model: Path, fake: FakeTelegram) -> Iterator[RunningKontakt]:
    running = RunningKontakt(
        tmp_path / "var", nlu_model, KONTAKT_TELEGRAM_TOKEN=TOKEN, KONTAKT_TELEGRAM__BASE_URL=fake.base_url
    )
    running.wait_until_up()
    running.wait_until_free_text()
    yield running
    running.stop()


def _buttons(fake: FakeTelegram) -> list[str]:
    markup = fake.messages[CHAT][-1].get("reply_markup", {})
    return [button["text"] for row in markup.get("inline_keyboard", []) for button in row]


def _next(fake: FakeTelegram, seen: int) -> None:
    """Wait for an answer, and for the last message of it."""
    deadline = time.monotonic() + 20
    while len(fake.messages[CHAT]) == seen or not _buttons(fake):
        assert time.monotonic() < deadline, fake.texts(CHAT)[-2:]
        time.sleep(0.02)


def _say(fake: FakeTelegram, text: str) -> None:
    seen = len(fake.messages[CHAT])
    fake.say(CHAT, text)
    _next(fake, seen)


def _tap(fake: FakeTelegram, label: str) -> None:
    seen = len(fake.messages[CHAT])
    fake.tap(CHAT, label)
    _next(fake, seen)


def test_from_telegram_to_the_audit_trail(browser: Browser, kontakt: RunningKontakt, fake: FakeTelegram) -> None:
    _say(fake, "/start kramfors")
    assert "utländsk tjänst" in fake.texts(CHAT)[0]
    _say(fake, "Vad är en kontaktfamilj?")
    fake.wait_for(CHAT, "Källa: Kramfors kommun")

    _say(fake, "vi vill bli kontaktfamilj")
    fake.wait_for(CHAT, "Intresseanmälan")
    for _ in range(40):
        question, labels = fake.texts(CHAT)[-1], _buttons(fake)
        if "Skicka in" in labels:
            break
        answer = next((typed for words, typed in ANSWERS.items() if words in question), None)
        if answer and answer not in labels:
            _say(fake, answer)
        else:
            _tap(fake, answer or ("Hoppa över" if "Hoppa över" in labels else labels[0]))
    assert "Kontaktfamilj" in fake.texts(CHAT)[-1]
    _tap(fake, "Skicka in")
    receipt = fake.wait_for(CHAT, "Din referens är")
    reference = receipt.split("Din referens är ")[1][:8]

    page = browser.new_page(locale="sv-SE")
    make_account_and_sign_in(page, kontakt)
    row = page.get_by_role("row").filter(has_text=reference)
    expect(row).to_contain_text("Kramfors")
    expect(row).to_contain_text("Telegram")
    row.get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text("Sofia Testlund")
    page.reload()
    expect(page.locator("main")).to_contain_text("Öppnade formuläret")
    page.close()
    assert TOKEN not in kontakt.printed
    assert "Sofia" not in kontakt.printed
