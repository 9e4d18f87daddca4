"""Wrong tries: an example each time, after the third a way on, and staff see what was left out."""

from datetime import UTC, datetime

import pytest
from talking import APPLICATION, Talking

from bot.form import tries as form_tries
from forms.form import Form
from forms.journey import Journey
from storage import submissions
from storage.conversations import Draft
from storage.database import Database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _draft(form: Form, **given: object) -> Draft:
    values = {"answers": {}, "asking": None, "started_at": NOON, "updated_at": NOON, **given}
    return Draft("T", form.id, form.version, **values)  # type: ignore[arg-type]


def test_wrong_tries_are_counted_in_the_draft_and_forgotten_with_an_answer(talking: Talking) -> None:
    talking.begin("ansokan_kontaktgrupp")
    talking.fill(APPLICATION, until="arskurs")
    talking.say("99")
    talking.say("98")
    assert talking.draft.tries == {"arskurs": 2}
    talking.say("5")
    assert talking.draft.tries == {}


def test_what_was_left_out_reaches_staff_in_words(talking: Talking, database: Database) -> None:
    talking.begin("ansokan_kontaktgrupp")
    talking.fill(APPLICATION, until="arskurs")
    for wrong in ("99", "98", "97"):
        said = talking.say(wrong)
    assert "Handläggaren ser att den saknas" in said
    talking.tap("Hoppa över den här frågan")
    talking.fill(APPLICATION)
    talking.tap("Skicka in")
    assert talking.last is not None
    assert talking.last.submission is not None
    opened = submissions.open_submission(
        database, talking.last.submission.reference, actor="handläggare", at=talking.now
    )
    assert opened is not None
    assert {"saknar_arskurs", form_tries.FLAG} <= set(opened.flags)
    assert opened.answers["arskurs"] is None
    labels = opened.form_snapshot["flag_labels"][form_tries.FLAG]
    assert labels == {"sv": "Har inte kunnat svara på en fråga", "en": "Could not answer a question"}


def test_an_answer_given_later_takes_the_flag_away(talking: Talking, database: Database) -> None:
    talking.begin("ansokan_kontaktgrupp")
    talking.fill(APPLICATION, until="arskurs")
    for wrong in ("99", "98", "97"):
        talking.say(wrong)
    talking.tap("Hoppa över den här frågan")
    talking.fill(APPLICATION)
    talking.say("ändra årskurs")
    talking.say("6")
    talking.tap("Skicka in")
    assert talking.last is not None
    assert talking.last.submission is not None
    opened = submissions.open_submission(
        database, talking.last.submission.reference, actor="handläggare", at=talking.now
    )
    assert opened is not None
    assert form_tries.FLAG not in opened.flags


def test_what_the_rest_hangs_on_is_never_left_out(forms: dict[str, Form]) -> None:
    for form in forms.values():
        kept = {q.slot for q in form.questions if q.required and not form_tries.can_be_left_out(form, q)}
        assert {"skyddade_uppgifter", "kontaktvag", "telefon", "epost"} <= kept
        if form.question("vem_fyller_i"):
            assert "vem_fyller_i" in kept


@pytest.mark.parametrize("form_id", ["ansokan_kontaktperson", "ansokan_kontaktfamilj", "ansokan_kontaktgrupp"])
def test_a_required_name_can_be_left_out_after_three_tries_and_not_before(forms: dict[str, Form], form_id: str) -> None:
    form = forms[form_id]
    answers = {"skyddade_uppgifter": "nej", "vem_fyller_i": "vardnadshavare", "barnets_namn": None}
    for tries, passed in ((2, False), (3, True)):
        draft = _draft(form, answers=answers, tries={"barnets_namn": tries})
        journey = Journey(form_tries.with_gaps(form, draft), draft.answers)
        assert (journey.next_question is not None) or passed
        assert ("barnets_namn" in journey.relevant_answers) is passed


def test_a_gate_stays_shut_however_often_it_was_tried(forms: dict[str, Form]) -> None:
    form = forms["kontakta_mig"]
    answers = {"skyddade_uppgifter": "nej", "kontaktvag": "telefon", "telefon": None}
    draft = _draft(form, answers=answers, tries={"telefon": 9})
    gap = Journey(form_tries.with_gaps(form, draft), draft.answers).next_question
    assert gap is not None
    assert gap.slot == "telefon"
