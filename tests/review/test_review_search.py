"""The search: what it finds, shows and says when there is nothing – and that what is typed stays nowhere."""

import json
import re

import pytest

from review.search import LONGEST, MOST_SHOWN
from storage import audit, search
from tests.review.office import ANSWERS, Browser, Office

ALVA = {**ANSWERS, "namn": "Alva Öberg"}
FIELD = "Namn, personnummer, referens eller ärendenummer"


def references(browser: Browser) -> list[str]:
    return [part[:8] for part in browser.page.split('href="/inkommet/')[1:]]


def looked_for(browser: Browser, text: str) -> list[str]:
    assert browser.post("/inkommet", sok=text).status_code == 200
    return references(browser)


def test_the_list_has_one_field(office: Office) -> None:
    browser = office.signed_in()
    assert FIELD in browser.text
    (form,) = re.findall(r'<form[^>]*role="search".*?</form>', browser.page, re.DOTALL)
    assert 'method="post" action="/inkommet"' in form and 'name="csrf"' in form
    assert 'autocomplete="off"' in form and 'spellcheck="false"' in form
    assert len(re.findall(r'<input type="text"', form)) == 1


def test_what_is_found_is_shown_as_in_the_list_and_counted(office: Office) -> None:
    first = office.submit(ALVA)
    office.clock.advance(minutes=1)
    second = office.submit(ALVA, municipality="vingaker", language="en")
    office.submit()
    browser = office.signed_in()
    rows = {one: browser.text.partition(f" {one} ")[2][:60] for one in (first, second)}
    assert looked_for(browser, "  öberg  ALVA ") == [second, first]
    assert "2 formulär hittades. Det senaste står först." in browser.text
    for reference, row in rows.items():
        assert browser.text.partition(f" {reference} ")[2].startswith(row[:40])
    for secret in ("Alva", "Öberg", "740605", "174 06 05", "Leda en grupp", "Andra raden"):
        assert secret.lower() not in browser.page.lower()
    assert "<title>Sökträffar – Kontakt</title>" in browser.page
    assert looked_for(browser, first.lower()) == [first]
    assert "1 formulär hittades." in browser.text


def test_a_case_number_leads_to_its_submission(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    browser.post(f"/inkommet/{reference}/status", status="handed_over", version="1")
    browser.get(f"/inkommet/{reference}")
    assert browser.post(f"/inkommet/{reference}/overlamnat", number="SN 2026-118").status_code == 303
    browser.get("/inkommet")
    assert looked_for(browser, "sn 2026-118") == [reference]
    assert "2026-118" not in browser.page


@pytest.mark.parametrize("text", ["Alv", "Vendelas", "Andra raden", "+46701740605", "grupp", "20120301-9805", "%"])
def test_nothing_found_is_said_with_what_can_be_found(office: Office, text: str) -> None:
    office.submit()
    browser = office.signed_in()
    assert looked_for(browser, text) == []
    assert "Inget formulär hittades." in browser.text
    assert "hittar hela namn eller hela ord i namnet, inte delar av ord" in browser.text
    assert "<table" not in browser.page and FIELD in browser.text


@pytest.mark.parametrize("text", ["", "   ", "x" * (LONGEST + 1)])
def test_an_empty_or_too_long_field_is_told_of_and_looks_for_nothing(office: Office, text: str) -> None:
    browser = office.signed_in()
    assert browser.post("/inkommet", sok=text).status_code == 400
    assert ("Skriv högst" if text.strip() else "Skriv vad du söker.") in browser.text
    assert 'aria-invalid="true"' in browser.page and "xxx" not in browser.page
    assert audit.trail(office.database, "submissions") == []


def test_a_search_is_on_the_record_and_what_was_typed_is_nowhere(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = office.submit({**ANSWERS, "namn": "Kanarie Fågelsson"})
    browser = office.signed_in()
    for text in ("Kanarie", "Finnsinte Fågelsson", "20120301-9805", "<script>kanarie"):
        response = browser.post("/inkommet", sok=text)
        assert "location" not in response.headers and "set-cookie" not in response.headers
        assert response.headers["cache-control"] == "no-store"
        assert not re.search("kanarie|fågel|finnsinte|9805", response.text, re.IGNORECASE), text
    events = audit.trail(office.database, "submissions")
    assert [(event.event, event.actor, dict(event.details)) for event in events] == [
        ("submissions.searched", "vera", {"kind": "name", "hits": 1}),
        ("submissions.searched", "vera", {"kind": "none", "hits": 0}),
        ("submissions.searched", "vera", {"kind": "none", "hits": 0}),
        ("submissions.searched", "vera", {"kind": "none", "hits": 0}),
    ]
    printed = capsys.readouterr()
    trail = json.dumps([str(event) for event in audit.trail(office.database, reference)])
    everything = printed.out + printed.err + trail + str(events)
    assert not re.search("kanarie|fågel|finnsinte|9805", everything, re.IGNORECASE)


def test_only_the_newest_are_shown_and_all_are_counted(office: Office) -> None:
    for _ in range(MOST_SHOWN + 2):
        office.submit(ALVA)
    browser = office.signed_in()
    assert len(looked_for(browser, "Alva")) == MOST_SHOWN
    assert f"{MOST_SHOWN + 2} formulär hittades. Här är de {MOST_SHOWN} senaste." in browser.text


def test_that_older_ones_cannot_be_found_yet_is_said(office: Office) -> None:
    reference = office.submit(ALVA)
    with office.database.transaction() as session:
        session.connection().exec_driver_sql("DELETE FROM submission_lookups")
        session.connection().exec_driver_sql("INSERT INTO lookups_owed SELECT id FROM submissions")
    browser = office.signed_in()
    assert looked_for(browser, "Alva") == []
    assert "1 äldre formulär är inte med i sökningen än. De hittas bara med sin referens." in browser.text
    assert looked_for(browser, reference) == [reference]


def test_a_search_needs_its_token_and_its_own_field(office: Office) -> None:
    office.submit(ALVA)
    browser = office.signed_in()
    assert browser.post("/inkommet", csrf="", sok="Alva").status_code == 403
    browser.get("/inkommet")
    assert browser.post("/inkommet", sok="Alva", status="received").status_code == 400
    browser.get("/inkommet")
    assert browser.post("/inkommet", headers={"Origin": "https://evil.example"}, sok="Alva").status_code == 403
    assert office.browser().post("/inkommet", sok="Alva").status_code == 401
    assert audit.trail(office.database, "submissions") == []


def test_no_address_searches(office: Office) -> None:
    """Nothing in the address of the list is looked for."""
    made = {office.submit(ALVA), office.submit()}
    browser = office.signed_in()
    for query in ("?sok=Alva", "?q=Alva", "?namn=Alva"):
        browser.get("/inkommet" + query)
        assert set(references(browser)) == made
    assert search.find(office.database, "", number=None, actor="x", at=office.clock()).number == 0
