"""The list: what it shows of each submission, what it never shows, filters and pages."""

import json
from datetime import UTC, datetime

import pytest

from review.submission_list import PAGE_LENGTH
from storage import conversations
from storage.conversations import Draft
from storage.submissions import TRANSITIONS
from tests.review.office import FORM, Browser, Office

CANARIES = {
    "namn": "Kanarie Fågelsson",
    "tolk": True,
    "uppdrag": ["grupp"],
    "mobil": "+46701740607",
    "ovrigt": "Kanariehemlighet om barnet",
}


def references(browser: Browser) -> list[str]:
    return [part[:8] for part in browser.page.split('href="/inkommet/')[1:]]


def test_a_row_holds_what_it_should_and_nothing_that_was_answered(office: Office) -> None:
    reference = office.submit(CANARIES, flags=("gruppledare",), language="en")
    browser = office.signed_in()
    row = browser.text.partition("Språk " + reference)[2]
    assert row.startswith(" Provformulär Sala 25 okt. 2026 kl. 00.30 Mottaget Webbchatten engelska")
    for secret in ("Kanarie", "Fågelsson", "740607", "174 06 07", "Leda en grupp", "leda en grupp", "hemlighet"):
        assert secret not in browser.page


def test_times_are_swedish_on_both_sides_of_the_clock_change(office: Office) -> None:
    for hour in (0, 1):
        office.clock.now = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        office.submit()
    office.clock.now = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    office.submit()
    browser = office.signed_in()
    times = [part.split("<")[0] for part in browser.page.split('<time datetime="')[1:]]
    assert times == [
        '2027-01-01T00:30:00+01:00">1 jan. 2027 kl. 00.30',
        '2026-10-25T02:30:00+01:00">25 okt. 2026 kl. 02.30',
        '2026-10-25T02:30:00+02:00">25 okt. 2026 kl. 02.30',
    ]


def test_nothing_has_come_in(office: Office) -> None:
    browser = office.signed_in()
    assert "Inga formulär har kommit in än." in browser.text
    assert "<table" not in browser.page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"a", "b", "c"}),
        ("?status=in_review", {"b"}),
        ("?kommun=vingaker", {"c"}),
        ("?formular=provform", {"a", "b", "c"}),
        ("?status=received&kommun=sala", {"a"}),
        ("?status=closed", set()),
        ("?status=nonsense&kommun=%27%20OR%201&formular=..&sida=x", {"a", "b", "c"}),
        ("?status=", {"a", "b", "c"}),
    ],
)
def test_filters(office: Office, query: str, expected: set[str]) -> None:
    made = {
        "a": office.submit(municipality="sala"),
        "b": office.submit(municipality="sala"),
        "c": office.submit(municipality="vingaker"),
    }
    browser = office.signed_in()
    browser.get(f"/inkommet/{made['b']}")
    assert browser.post(f"/inkommet/{made['b']}/status", status="in_review", version="1").status_code == 303
    browser.get("/inkommet" + query)
    assert set(references(browser)) == {made[name] for name in expected}
    if not expected:
        assert "Inga formulär passar filtret." in browser.text


def test_paging_keeps_the_filter_and_misses_nothing(office: Office) -> None:
    made = []
    for _ in range(PAGE_LENGTH * 2 + 1):
        office.clock.advance(minutes=1)
        made.append(office.submit())
    office.submit(municipality="vingaker")
    browser = office.signed_in()
    found = []
    for number in (1, 2, 3):
        browser.get(f"/inkommet?kommun=sala&sida={number}")
        found += references(browser)
        assert f"Sida {number} av 3" in browser.text
    assert found == made[::-1]
    assert 'href="/inkommet?kommun=sala&amp;sida=2"' in browser.page


@pytest.mark.parametrize("page", ["0", "-1", "99999", "9" * 50, "١", "1e9", "%00"])
def test_strange_page_numbers_show_a_page(office: Office, page: str) -> None:
    office.submit()
    browser = office.signed_in()
    assert browser.get(f"/inkommet?sida={page}").status_code == 200
    assert len(references(browser)) == 1


def test_no_municipality_and_an_unknown_one_are_shown(office: Office) -> None:
    office.submit(municipality=None)
    office.submit(municipality="flyttad")
    browser = office.signed_in()
    assert "Inte angiven" in browser.text
    assert "flyttad" in browser.text


def test_drafts_are_nowhere(office: Office) -> None:
    """A draft's answers, form and token are on no page, and do not change a single number."""
    before = conversations.find(office.database, "web", "resident-1")
    draft = Draft("DRAFT23456", FORM.id, FORM.version, CANARIES, "ovrigt", office.clock(), office.clock())
    after = conversations.Conversation("web", "resident-1", {}, draft, before.version)
    conversations.save(office.database, before, after, message_id="1", response={}, at=office.clock())
    browser = office.signed_in()
    pages = [
        browser.get(address).text
        for address in ("/inkommet", "/inkommet?status=received", "/inkommet?formular=provform")
    ]
    for page in pages:
        assert "<table" not in page
        assert "DRAFT23456" not in page
        assert not any(word in page for word in json.dumps(CANARIES, ensure_ascii=False).split('"') if len(word) > 6)
    assert browser.get("/inkommet/DRAFT23456").status_code == 404


def test_every_status_has_its_words_and_its_colour(office: Office) -> None:
    browser = office.signed_in()
    reference = office.submit()
    version = 1
    seen = set()
    css = browser.get("/static/review.css").text
    for status in ("in_review", "waiting_for_completion", "queued", "handed_over", "closed", "in_review", "withdrawn"):
        browser.get(f"/inkommet/{reference}")
        seen.add(browser.page.partition('class="tag tag-')[2].partition('"')[0])
        assert browser.post(f"/inkommet/{reference}/status", status=status, version=str(version)).status_code == 303
        version += 1
    assert seen == {"new", "active", "waiting", "done"}
    assert all(f".tag-{tone} {{" in css for tone in seen)


def test_the_labels_cover_every_status() -> None:
    from review.labels import load_statuses

    assert list(load_statuses()) == list(TRANSITIONS)
