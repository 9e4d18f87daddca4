"""The review of the log on a page: the numbers, which dates are taken, and that looking is itself in the log."""

import re
from html import unescape

import pytest

from storage import audit, submissions
from tests.review.office import PASSWORD, Browser, Office

DAYS = "?fran=2026-10-24&till=2026-10-25"
"""The office's clock stands at half past midnight on the 25th, Swedish time: a Sunday, and no office hours."""


def rows(browser: Browser) -> list[list[str]]:
    """What stands in each cell of each row."""
    body = browser.page.partition("<tbody")[2].partition("</tbody>")[0]
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in re.findall(r"<t[dh] .*?</t[dh]>", row, re.DOTALL)]
        for row in re.findall(r"<tr .*?</tr>", body, re.DOTALL)
    ]


def headings(browser: Browser) -> list[str]:
    return re.findall(r'<th role="columnheader" scope="col">(.*?)</th>', browser.page)


def looks(office: Office) -> list[audit.AuditEvent]:
    return [event for event in audit.trail(office.database, "audit") if event.event == "audit.reviewed"]


def test_the_numbers_of_each_reviewer_and_day(office: Office) -> None:
    first, second = office.submit(), office.submit()
    office.reviewer()
    assert office.browser().sign_in(password="fel fel fel fel").status_code == 401
    assert office.browser().sign_in("nobody", "fel fel fel fel").status_code == 401
    browser = office.signed_in()
    for reference in [first] * 6 + [second]:
        assert browser.get(f"/inkommet/{reference}").status_code == 200
    submissions.add_note(office.database, second, "Ringt.", actor="vera", at=office.clock())
    assert browser.get("/loggkontroll" + DAYS).status_code == 200
    found = [dict(zip(headings(browser), row, strict=True)) for row in rows(browser)]
    assert found == [
        {
            "Handläggare": "Okänt användarnamn",
            "Dag": "2026-10-25",
            **dict.fromkeys(headings(browser)[2:], "0"),
            "Fel lösenord": "1",
        },
        {
            "Handläggare": "vera",
            "Dag": "2026-10-25",
            "Öppnat": "7",
            "Ändrat": "1",
            "Hämtat ut": "0",
            "Sökt": "0",
            "Loggat in": "1",
            "Fel lösenord": "1",
            "Öppnat utanför kontorstid": "7",
            "Öppnat utan åtgärd": "1",
            "Öppnat om och om igen": "1",
        },
    ]


def test_nothing_of_a_person_is_on_the_page_or_in_its_address(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    browser.get("/loggkontroll" + DAYS)
    main = browser.page.partition("<main")[2].partition("</main>")[0]
    assert "vera" in main
    for word in ("Vendela", "Provsson", "Vera Handläggare", reference):
        assert word not in main
    fields = re.findall(r'<(?:input|select)[^>]* name="(\w+)"', main)
    assert fields == ["fran", "till"]


def test_looking_is_in_the_log_before_anything_is_shown(office: Office) -> None:
    browser = office.signed_in()
    assert browser.get("/loggkontroll").status_code == 200
    assert looks(office) == [] and rows(browser) == []
    browser.get("/loggkontroll" + DAYS)
    (look,) = looks(office)
    assert (look.actor, look.details["from"], look.details["to"]) == ("vera", "2026-10-24", "2026-10-25")
    assert look.details["lines"] == len(rows(browser)) == 1


def test_the_last_week_is_proposed(office: Office) -> None:
    browser = office.signed_in()
    browser.get("/loggkontroll")
    assert re.findall(r'type="date".*?value="([^"]*)"', browser.page) == ["2026-10-18", "2026-10-25"]


def test_days_without_anything(office: Office) -> None:
    browser = office.signed_in()
    browser.get("/loggkontroll?fran=2026-01-01&till=2026-01-01")
    assert "2026-01-01. Ingen har gjort något då." in browser.text


REFUSED = {
    "?fran=2026-10-24": "Välj två datum",
    "?till=2026-10-24": "Välj två datum",
    "?fran=&till=": "Välj två datum",
    "?fran=igår&till=2026-10-24": "Välj två datum",
    "?fran=2026-02-30&till=2026-10-24": "Välj två datum",
    "?fran=0001-01-01&till=9999-12-31": "Välj två datum",
    "?fran=%22%3E%3Cscript%3E&till=2026-10-24": "Välj två datum",
    "?fran=2026-10-25&till=2026-10-24": "är efter den sista",
    "?fran=2026-01-01&till=2026-04-03": "högst 92 dagar",
}


@pytest.mark.parametrize("query", REFUSED)
def test_dates_that_are_none_are_told_of_and_nothing_is_looked_at(office: Office, query: str) -> None:
    browser = office.signed_in()
    assert browser.get("/loggkontroll" + query).status_code == 400
    assert REFUSED[query] in browser.text
    assert "<script" not in browser.page
    assert looks(office) == []


def test_ninety_two_days_are_not_too_many(office: Office) -> None:
    assert office.signed_in().get("/loggkontroll?fran=2026-08-01&till=2026-10-31").status_code == 200


def test_what_was_typed_at_a_failed_sign_in_is_not_kept(office: Office) -> None:
    """A name that no account has may be a password in the wrong field."""
    office.reviewer()
    office.browser().sign_in("hemligt-losenord", "x" * 12)
    office.browser().sign_in(" VERA ", "hemligt-losenord")
    failed = [audit.trail(office.database, subject) for subject in ("?", "vera")]
    assert [[event.event for event in events if event.actor == "system"] for events in failed] == [
        ["reviewer.sign_in_failed"],
        ["reviewer.sign_in_failed"],
    ]
    assert audit.trail(office.database, "hemligt-losenord") == []


def test_sign_in_leads_on_to_it(office: Office) -> None:
    office.reviewer()
    browser = office.browser()
    answer = browser.get("/loggkontroll" + DAYS)
    assert answer.headers["location"] == "/logga-in?till=%2Floggkontroll"
    browser.get(answer.headers["location"])
    signed_in = browser.post("/logga-in", username="vera", password=PASSWORD, till="/loggkontroll")
    assert signed_in.headers["location"] == "/loggkontroll"
