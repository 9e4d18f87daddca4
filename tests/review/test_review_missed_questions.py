"""Questions without an answer: what a row holds, the same question once, filters, what is too old, hostile text."""

import re
from html import unescape
from pathlib import Path

import pytest
import yaml

import review
from review.labels import load_missed_reasons
from review.missed_list import MOST_READ, MOST_SHOWN
from storage import audit, missed_questions
from storage.missed_questions import DAYS_KEPT, REASONS, MissedQuestion
from tests.review.office import PASSWORD, Browser, Office

COST = ("cost", "kontaktgrupp")
BUS = MissedQuestion("hur åker man buss till …", "sv", "sala", "no_answer")
PRICE = MissedQuestion("Vad kostar det?", "sv", "sala", "not_helped", (COST,))
PAYLOAD = "<b>fet</b> https://example.com \"' {{ 7*7 }} <script>alert(1)</script>"


def keep(office: Office, *questions: MissedQuestion) -> None:
    """Keep questions as the resident's side does, in one transaction."""
    with office.database.transaction() as session:
        for question in questions:
            missed_questions.write(session, question, office.clock())


def rows(browser: Browser) -> list[list[str]]:
    """What stands in each cell of each row: date, question, reasons, what was answered, municipalities, language."""
    body = browser.page.partition("<tbody")[2].partition("</tbody>")[0]
    return [
        [_words(cell) for cell in re.findall(r"<t[dh] .*?</t[dh]>", row, re.DOTALL)]
        for row in re.findall(r"<tr .*?</tr>", body, re.DOTALL)
    ]


def _words(cell: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", re.sub(r"</span>\s*<span class=\"line\">", " | ", cell))).split())


def questions(browser: Browser) -> list[str]:
    return [row[1] for row in rows(browser)]


def shown(office: Office, query: str = "") -> Browser:
    browser = office.signed_in()
    assert browser.get("/fragor" + query).status_code == 200
    return browser


@pytest.mark.parametrize(
    ("question", "row"),
    [
        (BUS, ["hur åker man buss till …", "Chatten hade inget svar", "Inget", "Sala", "svenska"]),
        (PRICE, ["Vad kostar det?", "Svaret hjälpte inte", "Vad det kostar · Kontaktgrupp", "Sala", "svenska"]),
        (
            MissedQuestion("كم مرة", "ar", None, "unsure"),
            ["كم مرة", "Chatten var osäker", "Inget", "Inte angiven", "arabiska"],
        ),
        (
            MissedQuestion("who decides", "en", "flyttad", "not_helped", (COST, ("avskaffat", "flygtaxi"))),
            [
                "who decides",
                "Svaret hjälpte inte",
                "Vad det kostar · Kontaktgrupp | avskaffat · flygtaxi",
                "flyttad",
                "engelska",
            ],
        ),
    ],
    ids=["no answer", "did not help", "unsure, no municipality", "things that are no longer there"],
)
def test_a_row_says_what_was_asked_and_why_it_is_here(office: Office, question: MissedQuestion, row: list[str]) -> None:
    keep(office, question)
    assert rows(shown(office)) == [["2026-10-24", *row]]


def test_the_newest_stands_first(office: Office) -> None:
    keep(office, BUS)
    office.clock.advance(days=1)
    keep(office, PRICE)
    browser = shown(office)
    assert [row[:2] for row in rows(browser)] == [["2026-10-25", PRICE.text], ["2026-10-24", BUS.text]]
    assert "2 olika frågor. Den som ställdes senast står först." in browser.text


def test_the_same_question_is_one_row(office: Office) -> None:
    """Counted, with its latest date, and with every reason, answer and municipality it was asked with."""
    keep(office, PRICE, BUS)
    office.clock.advance(days=2)
    keep(office, MissedQuestion("vad  kostar det", "sv", "vingaker", "no_answer"))
    keep(office, MissedQuestion("VAD KOSTAR DET?!", "sv", "sala", "not_helped", (COST, ("cost", "kontaktfamilj"))))
    assert rows(shown(office)) == [
        [
            "2026-10-26",
            "VAD KOSTAR DET?! 3 gånger",
            "Svaret hjälpte inte | Chatten hade inget svar",
            "Vad det kostar · Kontaktgrupp | Vad det kostar · Kontaktfamilj",
            "Sala, Vingåker",
            "svenska",
        ],
        ["2026-10-24", BUS.text, "Chatten hade inget svar", "Inget", "Sala", "svenska"],
    ]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("Vad kostar det?", "vad kostar det", True),
        ("vad kostar det", "vad kostar den", False),
        ("vem är …", "vem är", False),
        ("कि", "की", False),
        ("متى؟", "متى", True),
    ],
)
def test_what_counts_as_the_same_question(office: Office, one: str, other: str, together: bool) -> None:
    keep(office, MissedQuestion(one, "sv", "sala", "unsure"), MissedQuestion(other, "sv", "sala", "unsure"))
    assert questions(shown(office)) == ([f"{other} 2 gånger"] if together else [other, one])


def test_the_same_letters_in_another_language_are_another_question(office: Office) -> None:
    keep(office, BUS, MissedQuestion(BUS.text, "en", "sala", "no_answer"))
    assert [row[-1] for row in rows(shown(office))] == ["engelska", "svenska"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["buss 2 gånger", "pris", "tid"]),
        ("?kommun=sala", ["buss", "pris"]),
        ("?kommun=vingaker", ["buss"]),
        ("?orsak=unsure", ["pris"]),
        ("?kommun=sala&orsak=no_answer", ["buss"]),
        ("?kommun=annan", []),
        ("?kommun=", ["buss 2 gånger", "pris", "tid"]),
        ("?kommun=%27%20OR%201&orsak=..", ["buss 2 gånger", "pris", "tid"]),
        ("?q=buss", ["buss 2 gånger", "pris", "tid"]),
    ],
)
def test_filters(office: Office, query: str, expected: list[str]) -> None:
    keep(
        office,
        MissedQuestion("tid", "sv", None, "not_helped", (COST,)),
        MissedQuestion("pris", "sv", "sala", "unsure"),
        MissedQuestion("buss", "sv", "sala", "no_answer"),
        MissedQuestion("buss", "sv", "vingaker", "no_answer"),
    )
    browser = shown(office, query)
    assert questions(browser) == expected
    assert ("Inga frågor passar filtret." in browser.text) is (not expected)


def test_the_filter_stays_chosen(office: Office) -> None:
    keep(office, BUS)
    browser = shown(office, "?kommun=sala&orsak=no_answer")
    chosen = re.findall(r'<option value="([^"]+)" selected>', browser.page)
    assert chosen == ["sala", "no_answer"]
    assert "1 fråga som passar filtret." in browser.text
    assert '<a href="/fragor">Rensa filter</a>' in browser.page


@pytest.mark.parametrize(("days", "is_shown"), [(DAYS_KEPT, True), (DAYS_KEPT + 1, False)])
def test_what_is_too_old_is_not_shown(office: Office, days: int, is_shown: bool) -> None:
    """Also before anything has removed it."""
    keep(office, BUS)
    office.clock.advance(days=days)
    assert (BUS.text in shown(office).page) is is_shown


def test_nothing_has_been_missed(office: Office) -> None:
    browser = shown(office)
    assert "Inga frågor utan svar just nu." in browser.text
    assert "<table" not in browser.page


@pytest.mark.parametrize(("number", "more"), [(MOST_SHOWN, False), (MOST_SHOWN + 1, True)])
def test_a_long_list_says_that_there_are_more(office: Office, number: int, more: bool) -> None:
    keep(office, *(MissedQuestion(f"fråga {'i' * n}", "sv", "sala", "unsure") for n in range(number)))
    browser = shown(office)
    assert len(rows(browser)) == MOST_SHOWN
    assert f"{MOST_SHOWN} olika frågor." in browser.text
    assert ("Det finns fler frågor än de som står här." in browser.text) is more


def test_more_than_can_be_counted_is_said_too(office: Office) -> None:
    keep(office, BUS, *[PRICE] * MOST_READ)
    browser = shown(office)
    assert questions(browser) == [f"{PRICE.text} {MOST_READ} gånger"]
    assert "Det finns fler frågor än de som står här." in browser.text


def test_a_residents_words_are_words_alone(office: Office) -> None:
    """Nothing of them becomes an element, an attribute or a link; the page knows which language they are in."""
    keep(office, MissedQuestion(PAYLOAD, "ar", PAYLOAD, "not_helped", ((PAYLOAD, PAYLOAD),)))
    browser = shown(office)
    assert rows(browser)[0][1] == PAYLOAD
    table = browser.page.partition("<tbody")[2].partition("</table>")[0]
    assert set(re.findall(r"</?([a-z]+)", table)) == {"tr", "td", "th", "span", "time", "tbody"}
    assert '<span class="question" lang="ar" dir="auto">' in table


def test_only_staff_come_in_and_are_led_back(office: Office) -> None:
    keep(office, BUS)
    office.reviewer()
    browser = office.browser()
    response = browser.get("/fragor?kommun=sala")
    assert (response.status_code, response.headers["location"]) == (303, "/logga-in?till=%2Ffragor")
    assert BUS.text not in browser.page
    browser.get(response.headers["location"])
    onward = unescape(browser.page.partition('name="till" value="')[2].partition('"')[0])
    response = browser.post("/logga-in", username="vera", password=PASSWORD, till=onward)
    assert response.headers["location"] == "/fragor"
    browser.get("/fragor")
    assert questions(browser) == [BUS.text]


def test_the_page_is_in_the_menu_and_says_what_it_is(office: Office) -> None:
    browser = office.signed_in()
    assert '<a href="/fragor">Frågor utan svar</a>' in browser.page
    browser.get("/fragor")
    assert '<a href="/fragor" aria-current="page">Frågor utan svar</a>' in browser.page
    for told in ("Namn, nummer och ovanliga ord är borttagna.", "Du kan inte se vem som har frågat", "efter 30 dagar"):
        assert told in browser.text


def test_reading_is_no_event_and_no_case(office: Office) -> None:
    keep(office, BUS)
    browser = office.signed_in()
    before = audit.trail(office.database, "vera")
    browser.get("/fragor")
    assert audit.trail(office.database, "vera") == before
    browser.get("/inkommet")
    assert "Inga formulär har kommit in än." in browser.text


def test_every_reason_has_its_words() -> None:
    told = yaml.safe_load((Path(review.__file__).parent / "missed_reasons.yml").read_text(encoding="utf-8"))
    assert tuple(told) == tuple(load_missed_reasons()) == REASONS
