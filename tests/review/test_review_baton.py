"""What staff see and do after a form was sent in: who gave which answer, guardians, additions, requests, how long it
is kept.
"""

import re
from datetime import timedelta
from typing import Any

import pytest

from forms.loader import form_to_snapshot
from storage import additions, audit, batons, intake
from storage.additions import Addition
from storage.batons import BatonAnswer, NewBaton, NewLink
from storage.submissions import change_status, open_submission
from tests.review.office import ANSWERS, FORM, Browser, Office

HARMFUL = "<script>alert(1)</script>"
GIVEN = {
    "namn": {"by": "yrkesperson", "at": "2026-10-20T09:00:00+00:00"},
    "tolk": {"by": "vardnadshavare_2", "at": "2026-10-24T08:15:00+00:00"},
    "mobil": {"by": "Karin Provsson", "at": "2026-10-24T08:16:00+00:00"},
}


def sent(office: Office, **more: Any) -> str:
    """A submission with provenance; its reference."""
    values: dict[str, Any] = {
        "reference": intake.make_reference(),
        "draft_token": "BATONTOKEN",
        "form_id": FORM.id,
        "form_version": FORM.version,
        "form_snapshot": form_to_snapshot(FORM),
        "answers": ANSWERS,
        "flags": (),
        "municipality": "sala",
        "channel": "web",
        "language": "sv",
        "given": GIVEN,
    }
    new = intake.NewSubmission(**{**values, **more})
    with office.database.transaction() as session:
        intake.insert(session, new, actor="resident", at=office.clock())
        for effect in more.pop("effects", ()):
            effect.write(session, office.clock())
    return new.reference


def handed_over(office: Office, *, second: tuple[str, str | None] | None = ("declined", HARMFUL)) -> str:
    """A baton of two guardians that the first has sent in; the reference."""
    baton = NewBaton(
        token="BATONTOKEN",
        form_id=FORM.id,
        form_version=FORM.version,
        form=form_to_snapshot(FORM),
        answers=ANSWERS,
        given=GIVEN,
        municipality="sala",
        language="sv",
        channel="web",
        links=(NewLink("A" * 24, "111111", "Vårdnadshavare 1"), NewLink("B" * 24, "222222", "Vårdnadshavare 2")),
        expires_at=office.clock() + timedelta(days=14),
    )
    with office.database.transaction() as session:
        baton.write(session, office.clock())
    new = intake.NewSubmission(
        intake.make_reference(),
        "BATONTOKEN",
        FORM.id,
        FORM.version,
        form_to_snapshot(FORM),
        ANSWERS,
        (),
        "sala",
        "web",
        "sv",
        given=GIVEN,
    )
    with office.database.transaction() as session:
        intake.insert(session, new, actor="resident", at=office.clock())
        BatonAnswer("BATONTOKEN", 1, "approved", name="Karin Provsson").write(session, office.clock())
    if second:
        with office.database.transaction() as session:
            BatonAnswer("BATONTOKEN", 2, second[0], second[1], "Amir Provsson").write(session, office.clock())
    return new.reference


def page_of(office: Office, reference: str) -> Browser:
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    return browser


def read(browser: Browser) -> str:
    """The page as somebody reads it, marks close to the words they belong to."""
    return re.sub(r"\s+([).,:])", r"\1", browser.text.replace("( ", "("))


def test_each_answer_says_who_gave_it_and_when(office: Office) -> None:
    browser = page_of(office, sent(office))
    assert "Vendela Provsson Yrkesperson, 20 okt. 2026 kl. 11.00" in browser.text
    assert "Ja Vårdnadshavare 2, 24 okt. 2026 kl. 10.15" in browser.text
    assert "070-174 06 05 Karin Provsson, 24 okt. 2026 kl. 10.16" in browser.text
    assert browser.page.count('class="given"') == 3


def test_signed_on_paper_is_marked(office: Office) -> None:
    assert "Underskrift Undertecknad på papper" in page_of(office, sent(office, signed_on_paper=True)).text
    assert "Undertecknad på papper" not in page_of(office, sent(office, draft_token="ANNAT")).text


def test_a_required_answer_that_was_left_out_keeps_the_rest_in_place(office: Office) -> None:
    browser = page_of(office, sent(office, answers=ANSWERS | {"namn": None}))
    assert "Vad heter du? Hoppade över" in browser.text
    assert "utanför formulärets frågor" not in browser.text


@pytest.mark.parametrize(
    ("second", "shown"),
    [
        (("declined", HARMFUL), ["Vårdnadshavare 2 (Amir Provsson): Tackade nej", "En vårdnadshavare tackade nej"]),
        (("approved", None), ["Vårdnadshavare 2 (Amir Provsson): Godkände", "En vårdnadshavare godkände"]),
        (None, ["Vårdnadshavare 2: Har fått länken och inte öppnat den"]),
    ],
)
def test_how_the_guardians_answered(office: Office, second: tuple[str, str | None] | None, shown: list[str]) -> None:
    browser = page_of(office, handed_over(office, second=second))
    assert "Vårdnadshavare 1 (Karin Provsson): Godkände" in read(browser)
    for words in shown:
        assert words in read(browser)
    assert HARMFUL not in browser.page


def test_silence_is_a_state(office: Office) -> None:
    reference = handed_over(office, second=None)
    office.clock.advance(days=15)
    assert batons.expire(office.database, office.clock()) == 1
    browser = page_of(office, reference)
    assert "Vårdnadshavare 2: Svarade inte medan länken gällde" in read(browser)
    assert "En vårdnadshavare svarade inte" in browser.text


def test_a_form_that_nobody_handed_over_says_nothing_of_guardians(office: Office) -> None:
    browser = page_of(office, sent(office))
    for heading in ("Vårdnadshavarna", "Det ni har bett om", "Det som har kommit till"):
        assert heading not in browser.text


# --- asking for more --------------------------------------------------------------------------------------------------


def test_ask_and_be_answered(office: Office) -> None:
    reference = sent(office)
    browser = page_of(office, reference)
    done = browser.post(f"/inkommet/{reference}/komplettering", text=f"Vilken skola? {HARMFUL}")
    assert (done.status_code, done.headers["location"]) == (303, f"/inkommet/{reference}?sparat=komplettering")
    browser.get(f"/inkommet/{reference}?sparat=komplettering")
    assert "Frågan är skickad" in browser.text and "Inte besvarat än" in browser.text
    assert "Nu: Väntar på komplettering" in browser.text and HARMFUL not in browser.page
    (request,) = additions.open_requests_of(office.database, reference)
    office.clock.advance(minutes=1)
    with office.database.transaction() as session:
        Addition(reference, request.id, "Påhittsskolan", "Karin Provsson").write(session, office.clock())
    browser.get(f"/inkommet/{reference}")
    assert "Svar på er fråga · Karin Provsson Påhittsskolan" in browser.text
    assert "Besvarat 25 okt. 2026" in browser.text
    assert "Nu: Under handläggning" in browser.text
    assert "Bad om komplettering" in browser.text and "Lade till uppgifter" in browser.text


@pytest.mark.parametrize("text", ["", "   ", "x" * 4001])
def test_an_empty_or_too_long_question_is_not_asked(office: Office, text: str) -> None:
    reference = sent(office)
    browser = page_of(office, reference)
    assert browser.post(f"/inkommet/{reference}/komplettering", text=text).status_code == 400
    assert 'aria-invalid="true"' in browser.page and 'href="#request-text"' in browser.page
    assert additions.open_requests_of(office.database, reference) == ()


def test_nothing_is_asked_of_what_is_closed(office: Office) -> None:
    reference = sent(office)
    browser = page_of(office, reference)
    change_status(office.database, reference, "closed", actor="vera", version=1, at=office.clock())
    assert browser.post(f"/inkommet/{reference}/komplettering", text="Vilken skola?").status_code == 409
    assert "går det inte att be om komplettering" in browser.text
    browser.get(f"/inkommet/{reference}")
    assert "Be om komplettering" not in browser.text


def test_an_addition_in_between_is_told_when_the_status_is_changed(office: Office) -> None:
    reference = sent(office)
    browser = page_of(office, reference)
    with office.database.transaction() as session:
        Addition(reference, None, "Ett tillägg", "Karin Provsson").write(session, office.clock())
    conflict = browser.post(f"/inkommet/{reference}/status", status="in_review", version="1")
    assert conflict.status_code == 409
    assert "Tillägg" in browser.text.split("Någon annan hann före")[1].split("Statusen är nu")[0]


# --- how long it is kept ----------------------------------------------------------------------------------------------


def test_confirm_that_it_is_in_the_municipalitys_records(office: Office) -> None:
    reference = sent(office)
    browser = page_of(office, reference)
    assert "Bekräfta att det är överfört" not in browser.text
    assert browser.post(f"/inkommet/{reference}/overlamnat", number="26-17").status_code == 409
    change_status(office.database, reference, "handed_over", actor="vera", version=1, at=office.clock())
    browser.get(f"/inkommet/{reference}")
    assert "Bekräfta att det är överfört" in browser.text
    assert browser.post(f"/inkommet/{reference}/overlamnat", number="26-17").status_code == 303
    browser.get(f"/inkommet/{reference}?sparat=overlamnat")
    assert "av Vera Handläggare (vera). Nummer: 26-17" in browser.text
    assert ("submission.handed_over", "vera") in events(office, reference)


@pytest.mark.parametrize("number", ["1" * 65, "26\n17"])
def test_a_number_that_is_none_is_refused(office: Office, number: str) -> None:
    reference = sent(office)
    change_status(office.database, reference, "handed_over", actor="vera", version=1, at=office.clock())
    browser = page_of(office, reference)
    assert browser.post(f"/inkommet/{reference}/overlamnat", number=number).status_code == 400
    assert 'aria-invalid="true"' in browser.page


def test_hold_and_release(office: Office) -> None:
    reference = sent(office)
    browser = page_of(office, reference)
    assert browser.post(f"/inkommet/{reference}/behall", reason="Ett samråd pågår.").status_code == 303
    browser.get(f"/inkommet/{reference}?sparat=behall")
    assert "Behålls sedan 25 okt. 2026" in browser.text and "Ett samråd pågår." in browser.text
    assert browser.post(f"/inkommet/{reference}/behall", reason="En gång till").status_code == 409
    assert browser.post(f"/inkommet/{reference}/slapp", reason="Samrådet är klart.").status_code == 303
    browser.get(f"/inkommet/{reference}")
    assert browser.post(f"/inkommet/{reference}/slapp", reason="En gång till").status_code == 409
    names = [event for event, _ in events(office, reference)]
    assert names.count("submission.held") == names.count("submission.released") == 1


@pytest.mark.parametrize("path", ["behall", "slapp"])
@pytest.mark.parametrize("reason", ["", "  ", "x" * 4001])
def test_a_reason_is_needed(office: Office, path: str, reason: str) -> None:
    reference = sent(office)
    browser = page_of(office, reference)
    assert browser.post(f"/inkommet/{reference}/{path}", reason=reason).status_code == 400
    assert 'href="#reason"' in browser.page


@pytest.mark.parametrize("path", ["komplettering", "overlamnat", "behall", "slapp"])
def test_nothing_is_done_to_what_is_not_there(office: Office, path: str) -> None:
    browser = page_of(office, sent(office))
    field = {"komplettering": "text", "overlamnat": "number"}.get(path, "reason")
    for reference in ("22222222", "kort", "2222222Å"):
        browser.get("/inkommet")
        assert browser.post(f"/inkommet/{reference}/{path}", **{field: "text"}).status_code == 404


def events(office: Office, reference: str) -> list[tuple[str, str]]:
    return [(event.event, event.actor) for event in audit.trail(office.database, reference)]


def test_opening_is_on_the_record_each_time(office: Office) -> None:
    reference = handed_over(office)
    page_of(office, reference)
    assert events(office, reference)[-1] == ("submission.opened", "vera")
    assert open_submission(office.database, reference, actor="vera", at=office.clock()) is not None
