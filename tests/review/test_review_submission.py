"""One submission: shown as it was filled in, opened on the record, changed without losing anybody's change."""

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest

from forms.form import Question
from storage import audit, reviewers
from storage.database import Database
from storage.submissions import open_submission
from tests.review.office import ANSWERS, FORM, Office, texts

HARMLESS = "ofarligt, helt och hållet"
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><svg/onload=alert(1)>",
    "' autofocus onfocus=alert(1) x='",
    "{{ 7*7 }}{% for x in [1] %}${7*7}#{7*7}<%= 7*7 %>",
    "javascript:alert(1)",
    "</title><meta http-equiv=refresh content=0>",
    "<a href=//evil.example>klicka</a>",
    "&lt;b&gt; &amp; &#60;i&#62; slut",
]


def events(office: Office, reference: str) -> list[tuple[str, str]]:
    return [(event.event, event.actor) for event in audit.trail(office.database, reference)]


def test_questions_in_order_with_the_answers_in_words(office: Office) -> None:
    reference = office.submit(flags=("gruppledare", "okand_flagga"))
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    expected = (
        "Vad heter du? Vendela Provsson Vill du ha tolk? Ja Vad vill du göra? Leda en grupp "
        "Vilket nummer har du? 070-174 06 05 Vill du berätta mer? Första raden Andra raden"
    )
    assert expected in browser.text
    assert "Tänk på Vill leda en grupp. okand_flagga" in browser.text
    assert "Första raden\nAndra raden" in browser.page


def test_skipped_questions_say_so(office: Office) -> None:
    reference = office.submit(ANSWERS | {"tolk": None, "uppdrag": None, "ovrigt": None}, flags=("tolk_obesvarad",))
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    assert "Vill du ha tolk? Hoppade över" in browser.text
    assert "Vill du berätta mer? Hoppade över" in browser.text
    assert "Har inte svarat om tolk." in browser.text


def test_another_language_is_shown_with_swedish_questions(office: Office) -> None:
    reference = office.submit(ANSWERS | {"ovrigt": "I like boats"}, language="en")
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    assert "Vill du ha tolk? Ja Visades som: Yes" in browser.text
    assert "Leda en grupp Visades som: Lead a group" in browser.text
    assert '<dd dir="auto" lang="en">I like boats</dd>' in browser.page
    assert "fyllde i formuläret på engelska" in browser.text
    assert "Anything else?" not in browser.text


def test_no_answer_disappears_when_the_form_no_longer_leads_to_it(office: Office) -> None:
    """The stored form is what counts, but whatever is stored must be seen."""
    answers: dict[str, Any] = {"uppdrag": ["borttaget"], "mobil": "+46701740605", "gammal": ["x", "y"]}
    reference = office.submit(answers)
    browser = office.signed_in()
    assert browser.get(f"/inkommet/{reference}").status_code == 200
    assert "Vad heter du? Inte besvarad" in browser.text
    outside = browser.text.partition("Svar som ligger utanför formulärets frågor")[2]
    for shown in ("borttaget", "070-174 06 05", "gammal x, y"):
        assert shown in outside


def test_the_stored_form_is_shown_even_when_the_form_of_today_differs(office: Office) -> None:
    older = replace(FORM, version=1, questions=(Question("namn", "text", texts("Namn"), texts("Ditt namn, tack?")),))
    reference = office.submit({"namn": "Vendela"}, form=older)
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    assert "Ditt namn, tack? Vendela" in browser.text
    assert "Vad heter du?" not in browser.text


class Reader(HTMLParser):
    """What a browser makes of a page: its elements with their attributes' names, and every value and text in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, ...]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *(name for name, _ in attrs)))
        self.texts += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def everywhere(office: Office, text: str, username: str) -> list[Reader]:
    """Every page with `text` in every place where somebody can put one."""
    first, _, third, _, fifth = FORM.questions
    form = replace(
        FORM,
        title=texts(text),
        questions=(
            replace(first, text=texts(text)),
            replace(third, options=(replace(third.options[0], label=texts(text)), third.options[1])),
            fifth,
        ),
        flag_labels={"gruppledare": texts(text)},
    )
    answers = {"namn": text, "uppdrag": ["grupp"], "ovrigt": text, text: text}
    reference = office.submit(answers, form=form, flags=("gruppledare", text), municipality=text)
    office.reviewer(username, text)
    browser = office.signed_in(username)
    address = f"/inkommet/{reference}"
    browser.get(address)
    assert browser.post(f"{address}/anteckning", text=text).status_code == 303
    pages = [browser.get("/inkommet").text, browser.get(address).text]
    pages.append(browser.post(f"{address}/anteckning", text=text + "x" * 4000).text)
    pages.append(browser.get(f"/inkommet?status={quote(text)}&kommun={quote(text)}&sparat={quote(text)}").text)
    stranger = office.browser()
    pages.append(stranger.sign_in(text, "fel fel fel fel").text)
    pages.append(stranger.get(f"/logga-in?till={quote(text)}&hur={quote(text)}").text)
    token = reviewers.create_invitation(office.database, office.clock(), actor="cli:test")
    stranger.get(f"/valkommen/{token}")
    fields = {"name": text, "username": text, "password": text, "password_again": "x"}
    pages.append(stranger.post(f"/valkommen/{token}", **fields).text)
    return [Reader(page) for page in pages]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_is_text_and_nothing_else(database: Database, payload: str) -> None:
    """The pages have the same elements and attributes as with a harmless text, and show the payload as it was typed."""
    hostile = everywhere(Office(database), payload, "vera")
    with database.transaction() as session:
        session.connection().exec_driver_sql("DELETE FROM submission_notes")
        session.connection().exec_driver_sql("DELETE FROM submissions")
    harmless = everywhere(Office(database), HARMLESS, "stina")
    for one, other in zip(hostile, harmless, strict=True):
        assert one.elements == other.elements
        assert sum(payload in text for text in one.texts) == sum(HARMLESS in text for text in other.texts)
    assert sum(payload in text for one in hostile for text in one.texts) > 15


def test_opening_is_on_the_record_before_anything_is_shown(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    assert events(office, reference) == [("submission.received", "resident")]
    browser.get(f"/inkommet/{reference}")
    assert events(office, reference)[1:] == [("submission.opened", "vera")]
    assert "Vera Handläggare (vera) Öppnade formuläret" in browser.text
    assert "Den som skickade in Skickade in formuläret" in browser.text
    office.signed_in("stina").get(f"/inkommet/{reference}")
    assert events(office, reference)[2:] == [("submission.opened", "stina")]


def test_reading_the_list_opens_nothing(office: Office) -> None:
    reference = office.submit()
    office.signed_in().get("/inkommet")
    assert events(office, reference) == [("submission.received", "resident")]


def test_a_long_log_says_how_much_of_it_is_shown(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    for _ in range(60):
        open_submission(office.database, reference, actor="cli:root", at=office.clock())
    browser.get(f"/inkommet/{reference}")
    assert "Här visas de 50 senaste av 62 händelser." in browser.text
    assert browser.text.count("Kommandoraden (root)") == 49


def test_a_status_is_saved_with_who_and_when(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    office.clock.advance(minutes=5)
    response = browser.post(f"/inkommet/{reference}/status", status="queued", version="1")
    assert response.headers["location"] == f"/inkommet/{reference}?sparat=status"
    browser.get(response.headers["location"])
    assert "Statusen är sparad." in browser.text
    assert "25 okt. 2026 kl. 00.35 · Vera Handläggare (vera) Status: Mottaget → I kö" in browser.text
    assert "Ändrade status från Mottaget till I kö" in browser.text


def test_two_reviewers_at_once_lose_nothing(office: Office) -> None:
    reference = office.submit()
    vera, stina = office.signed_in("vera"), office.signed_in("stina")
    for browser in (vera, stina):
        browser.get(f"/inkommet/{reference}")
    assert stina.post(f"/inkommet/{reference}/status", status="closed", version="1").status_code == 303
    response = vera.post(f"/inkommet/{reference}/status", status="queued", version="1")
    assert response.status_code == 409
    assert "Någon annan hann före" in vera.text
    assert "Ditt val, I kö , är inte sparat." in vera.text
    assert "Vera Handläggare (stina). Status: Mottaget → Avslutat" in vera.text
    assert "Statusen är nu: Avslutat" in vera.text
    assert vera.post(f"/inkommet/{reference}/status", status="in_review", version="2").status_code == 303


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "nonsense", "version": "1"}, 400),
        ({"status": "received", "version": "1"}, 400),
        ({"status": "closed", "version": "x"}, 400),
        ({"status": "closed", "version": "١"}, 400),
        ({"status": "closed", "version": ""}, 400),
        ({"status": "closed", "version": "9" * 30}, 400),
        ({"status": "closed", "version": "-1"}, 400),
        ({"status": "closed", "version": "0"}, 409),
        ({"status": "closed", "version": "2"}, 409),
        ({"status": "closed"}, 400),
    ],
)
def test_a_forged_status_changes_nothing(office: Office, fields: dict[str, str], status: int) -> None:
    reference = office.submit()
    browser = office.signed_in()
    assert browser.post(f"/inkommet/{reference}/status", **fields).status_code == status
    opened = open_submission(office.database, reference, actor="cli:test", at=office.clock())
    assert opened is not None
    assert (opened.summary.status, opened.version) == ("received", 1)


@pytest.mark.parametrize(
    "reference", ["ABCDEFGH", "abcdefgh", "x", "ABCD%0d%0aEFGH", "ABCD-EFGH", "../logga-ut", "%2e%2e"]
)
@pytest.mark.parametrize("action", ["status", "anteckning", None])
def test_a_reference_that_is_none_is_not_found(office: Office, reference: str, action: str | None) -> None:
    browser = office.signed_in()
    fields = {"status": "closed", "version": "1"} if action == "status" else {"text": "Hej"}
    if action is None:
        assert browser.get(f"/inkommet/{reference}").status_code in {404, 405}
    else:
        assert browser.post(f"/inkommet/{reference}/{action}", **fields).status_code in {404, 405}


def test_a_known_reference_written_otherwise_is_not_found(office: Office) -> None:
    """So that nothing but the reference itself ever comes back in an address."""
    reference = office.submit()
    browser = office.signed_in()
    written = reference[:4] + "%0d%0a" + reference[4:]
    assert browser.post(f"/inkommet/{written}/anteckning", text="Hej").status_code == 404
    assert events(office, reference) == [("submission.received", "resident")]


def test_notes_are_kept_and_shown_with_their_line_breaks(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    for text in ("Ringde upp.\r\nInget svar.", "  Ny kontakt  i morgon. "):
        office.clock.advance(minutes=1)
        response = browser.post(f"/inkommet/{reference}/anteckning", text=text)
        assert response.status_code == 303
        browser.get(response.headers["location"])
    assert "Anteckningen är sparad." in browser.text
    assert "Ringde upp.\nInget svar." in browser.page
    assert browser.text.index("Ny kontakt i morgon.") < browser.text.index("Ringde upp.")
    assert events(office, reference).count(("submission.note_added", "vera")) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "Skriv något"), (" \n ", "Skriv något"), ("\u200b\u202e", "Skriv något"), ("å" * 4001, "högst 4000 tecken")],
)
def test_a_note_that_cannot_be_saved_is_kept_in_the_field(office: Office, text: str, told: str) -> None:
    reference = office.submit()
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    assert browser.post(f"/inkommet/{reference}/anteckning", text=text).status_code == 400
    assert told in browser.text
    assert 'aria-invalid="true"' in browser.page
    assert browser.page.count("å" * 4001) == (1 if len(text) == 4001 else 0)
    assert ("submission.note_added", "vera") not in events(office, reference)


def test_the_longest_note_fits_even_in_characters_of_four_bytes(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    assert browser.post(f"/inkommet/{reference}/anteckning", text="🙂" * 4000).status_code == 303


def test_control_and_direction_characters_are_left_out_of_notes(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    browser.post(f"/inkommet/{reference}/anteckning", text="Pa\u030a v\x00a\u202eg\x1b[31m 👨‍👩‍👧")
    opened = open_submission(office.database, reference, actor="cli:test", at=office.clock())
    assert opened is not None
    assert opened.notes[0].text == "På vag[31m 👨‍👩‍👧"
