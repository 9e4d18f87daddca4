"""A draft keeps the form it began on, and says who gave each answer; what is stored from before is still read."""

from dataclasses import replace

from talking import APPLICATION, CONTACT, Talking

from bot.dialogue import Dialogue
from bot.scene import State
from forms.form import Form
from storage import conversations, submissions
from storage.database import Database


def _later(talking: Talking, forms: dict[str, Form]) -> Talking:
    """The same conversation, and other forms."""
    tools = replace(talking.dialogue.tools, forms=forms)
    return replace(talking, dialogue=Dialogue(tools, talking.database))


def test_a_changed_form_does_not_change_an_open_draft(talking: Talking, forms: dict[str, Form]) -> None:
    talking.begin("ansokan_kontaktgrupp")
    talking.fill(APPLICATION, until="arskurs")
    before = forms["ansokan_kontaktgrupp"]
    shorter = replace(before, version=before.version + 1, questions=before.questions[:2])
    later = _later(talking, {**forms, "ansokan_kontaktgrupp": shorter})
    assert "Vilken årskurs" in later.say("fortsätt")
    later.fill(APPLICATION)
    later.tap("Skicka in")
    assert later.last is not None
    assert later.last.submission is not None
    opened = submissions.open_submission(
        talking.database, later.last.submission.reference, actor="handläggare", at=talking.now
    )
    assert opened is not None
    assert opened.form_version == before.version
    assert [question["slot"] for question in opened.form_snapshot["questions"]] == [q.slot for q in before.questions]


def test_a_form_that_is_offered_no_more_can_be_finished(talking: Talking, forms: dict[str, Form]) -> None:
    talking.begin("kontakta_mig")
    later = _later(talking, {form_id: form for form_id, form in forms.items() if form_id != "kontakta_mig"})
    later.say("fortsätt")
    later.fill(CONTACT)
    later.tap("Skicka in")
    assert later.last is not None
    assert later.last.submission is not None
    assert later.last.submission.form_id == "kontakta_mig"


def test_a_form_that_is_offered_no_more_can_be_cancelled(talking: Talking, forms: dict[str, Form]) -> None:
    talking.begin("kontakta_mig")
    later = _later(talking, {form_id: form for form_id, form in forms.items() if form_id != "kontakta_mig"})
    later.say("avbryt")
    later.tap("Ja, radera svaren")
    assert later.kept.draft is None


def test_a_draft_from_before_forms_were_kept_goes_by_the_form_as_it_is(talking: Talking, database: Database) -> None:
    talking.begin("kontakta_mig")
    before = talking.kept
    old = replace(before, draft=replace(talking.draft, form=None, given={}, tries={}))
    conversations.save(database, before, old, message_id="old", response={"replies": []}, at=talking.now)
    assert talking.draft.form is None
    assert "Hur vill du bli kontaktad" in talking.say("fortsätt")


def test_every_answer_says_who_gave_it_and_when(talking: Talking) -> None:
    talking.begin("ansokan_kontaktgrupp")
    talking.fill(APPLICATION, until="skola")
    given = talking.draft.given
    assert given.keys() == talking.draft.answers.keys()
    assert given["skyddade_uppgifter"] == {"by": "resident", "at": "2026-11-20T09:00:00+00:00"}
    assert {given[slot]["by"] for slot in ("vem_fyller_i", "barnets_namn", "barnets_personnummer")} == {
        "vardnadshavare"
    }


def test_who_gave_what_is_sent_in_with_it(talking: Talking, database: Database) -> None:
    reference, _ = talking.send("ansokan_kontaktgrupp", APPLICATION)
    opened = submissions.open_submission(database, reference, actor="handläggare", at=talking.now)
    assert opened is not None
    assert opened.given.keys() == opened.answers.keys()
    assert opened.given["barnets_namn"]["by"] == "vardnadshavare"


def test_a_state_from_before_is_read() -> None:
    state = State.from_json({"language": "sv", "offered": [{"id": "c:help", "label": "Hjälp"}], "pending": "status"})
    assert state.sent == ()
    assert state.copies == ()
    assert state.reach is None
    assert State.from_json(state.to_json()) == state
