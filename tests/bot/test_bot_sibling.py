"""A sibling's application and a copy: the guardian's answers again, the child's never; late taps do no harm."""

from dataclasses import replace
from datetime import timedelta

from talking import APPLICATION, CONTACT, Talking

from bot.scene import State
from forms.form import Form
from storage import submissions

SIBLING = {"barnets_namn": "Love Fiktiv", "arskurs": "4"}


def test_each_child_is_a_submission_of_its_own(talking: Talking) -> None:
    first, _ = talking.send("ansokan_kontaktgrupp", APPLICATION)
    talking.tap("Ansök för ett syskon också")
    assert talking.slot == "skyddade_uppgifter"
    talking.say("nej")
    assert talking.slot == "barnets_namn"
    talking.fill(SIBLING)
    talking.tap("Skicka in")
    assert talking.last is not None
    assert talking.last.submission is not None
    second = talking.last.submission.reference
    assert second != first
    one, two = (
        submissions.open_submission(talking.database, reference, actor="handläggare", at=talking.now)
        for reference in (first, second)
    )
    assert one is not None
    assert two is not None
    assert (one.answers["barnets_namn"], two.answers["barnets_namn"]) == ("Alva Fiktiv", "Love Fiktiv")
    assert two.answers["epost"] == one.answers["epost"]
    assert two.given["epost"] == one.given["epost"]


def test_nothing_about_the_child_is_kept_for_the_next_application(talking: Talking, forms: dict[str, Form]) -> None:
    talking.send("ansokan_kontaktgrupp", APPLICATION | {"skola": "Påhittsskolan", "behov_egna_ord": "Alva är ensam"})
    (copy,) = State.from_json(talking.kept.state).copies
    form = forms["ansokan_kontaktgrupp"]
    asked_anew = {q.slot for q in form.questions if q.about_child or q.childs_voice}
    assert not asked_anew & copy.answers.keys()
    assert "skyddade_uppgifter" not in copy.answers
    assert {"vem_fyller_i", "namn", "kontaktvag", "epost"} <= copy.answers.keys()
    assert "Alva" not in str(copy)


def test_answers_are_kept_no_longer_than_a_draft(talking: Talking) -> None:
    talking.send("ansokan_kontaktgrupp", APPLICATION)
    talking.now += timedelta(days=30)
    talking.say("hej")
    assert State.from_json(talking.kept.state).copies
    talking.now += timedelta(days=1)
    talking.say("hej")
    assert State.from_json(talking.kept.state).copies == ()
    talking.tap("Ansök för ett syskon också")
    assert talking.kept.draft is None


def test_only_applications_are_copied(talking: Talking) -> None:
    talking.send("kontakta_mig", CONTACT)
    assert State.from_json(talking.kept.state).copies == ()
    assert "Ansök för ett syskon också" not in talking.labels


def test_a_copy_is_of_the_same_conversation_only(talking: Talking) -> None:
    talking.send("ansokan_kontaktgrupp", APPLICATION)
    button = talking.labels["Ansök för ett syskon också"]
    other = replace(talking, sender="b", labels={}, last=None)
    other.say(choice=button)
    assert other.kept.draft is None


def test_the_button_tapped_twice_goes_on_with_the_same_application(talking: Talking) -> None:
    talking.send("ansokan_kontaktgrupp", APPLICATION)
    talking.tap("Ansök för ett syskon också")
    begun = talking.draft.token
    said = talking.tap("Ansök för ett syskon också")
    assert talking.draft.token == begun
    assert "Vi fortsätter där du var" in said


def test_old_buttons_of_the_first_application_do_nothing_to_the_siblings(talking: Talking) -> None:
    talking.begin("ansokan_kontaktgrupp")
    old = dict(talking.labels)
    talking.fill(APPLICATION)
    old |= talking.labels
    talking.tap("Skicka in")
    talking.tap("Ansök för ett syskon också")
    before = talking.draft
    for label, choice in old.items():
        if choice.startswith(("a:", "d:")):
            said = talking.say(choice=choice)
            assert "redan inskickat" in said, label
            assert talking.draft == before


def test_a_copy_can_be_asked_for_in_words(talking: Talking) -> None:
    talking.send("ansokan_kontaktgrupp", APPLICATION)
    assert "förra gången är redan ifyllt" in talking.say("kopiera min förra ansökan")
    assert talking.draft.answers["namn"] == "Karin Fiktiv"
