"""After sending in: status by reference and code, "mina uppgifter", withdrawing, and answers to what staff ask."""

from dataclasses import replace
from datetime import timedelta

import pytest
from talking import APPLICATION, CONTACT, Talking

from bot.scene import State
from bot.sent.remembered import Sent
from storage import additions, submissions
from storage.database import Database
from storage.submissions import Submission


@pytest.fixture
def other(talking: Talking) -> Talking:
    """Somebody else, in another browser."""
    return replace(talking, sender="b", labels={}, last=None)


def _opened(talking: Talking, reference: str) -> Submission:
    found = submissions.open_submission(talking.database, reference, actor="handläggare", at=talking.now)
    assert found is not None
    return found


def _ask(talking: Talking, reference: str, text: str) -> None:
    additions.ask(talking.database, reference, text, actor="handläggare", at=talking.now)


def _wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_the_code_opens_elsewhere_and_what_is_found_is_remembered(talking: Talking, other: Talking) -> None:
    reference, code = talking.send("kontakta_mig", CONTACT)
    other.say("status")
    assert "Skriv koden" in other.say(reference.lower())
    assert "mottagen" in other.say(f"{code[:3]} {code[3:]}")
    assert [sent.reference for sent in _sent(other)] == [reference]
    assert reference in other.say("mina")


def _sent(talking: Talking) -> tuple[Sent, ...]:

    return State.from_json(talking.kept.state).sent


def test_five_wrong_codes_lock_for_an_hour(talking: Talking, other: Talking) -> None:
    reference, code = talking.send("kontakta_mig", CONTACT)
    for _ in range(4):
        assert "försök kvar" in other.say(f"{reference} {_wrong(code)}")
    assert "låst i en timme, till klockan 11.00" in other.say(f"{reference} {_wrong(code)}")
    assert "låst" in other.say(f"{reference} {code}")
    other.now += timedelta(minutes=61)
    assert "mottagen" in other.say(f"{reference} {code}")


def test_the_code_is_told_once_and_stands_nowhere_in_the_conversation(talking: Talking) -> None:
    _, code = talking.send("kontakta_mig", CONTACT)
    assert code not in str(talking.kept.state)
    assert code not in talking.tap("Skicka in")


@pytest.mark.parametrize("status", ["in_review", "queued", "handed_over"])
def test_what_the_municipality_does_with_it_is_not_told(talking: Talking, status: str) -> None:
    reference, _ = talking.send("kontakta_mig", CONTACT)
    version = _opened(talking, reference).version
    submissions.change_status(talking.database, reference, status, actor="handläggare", version=version, at=talking.now)
    assert "Läge: mottagen." in talking.say("status")


def test_mine_says_until_when_the_draft_is_kept(talking: Talking) -> None:
    talking.begin("kontakta_mig")
    said = talking.say("mina uppgifter")
    assert "från 2026-11-20" in said
    assert "30 dagar, till och med 2026-12-20" in said
    assert "Radera det jag har fyllt i" in talking.labels


def test_withdrawing_marks_and_deletes_nothing(talking: Talking) -> None:
    reference, _ = talking.send("kontakta_mig", CONTACT)
    talking.say("dra tillbaka min ansökan")
    assert _opened(talking, reference).summary.status == "received"
    assert "återtagen" in talking.tap("Ja, dra tillbaka")
    opened = _opened(talking, reference)
    assert opened.summary.status == "withdrawn"
    assert opened.answers["epost"] == "karin.fiktiv@example.com"


def test_what_is_handed_over_cannot_be_withdrawn_here(talking: Talking) -> None:
    reference, _ = talking.send("kontakta_mig", CONTACT)
    talking.say("dra tillbaka min ansökan")
    version = _opened(talking, reference).version
    submissions.change_status(
        talking.database, reference, "handed_over", actor="handläggare", version=version, at=talking.now
    )
    assert "Ring kommunen" in talking.tap("Ja, dra tillbaka")
    assert _opened(talking, reference).summary.status == "handed_over"


def test_nobody_withdraws_what_is_somebody_elses(talking: Talking, other: Talking) -> None:
    reference, _ = talking.send("kontakta_mig", CONTACT)
    assert "inte är öppet längre" in other.say(choice=f"c:withdraw:{reference}:yes")
    assert _opened(talking, reference).summary.status == "received"


def test_several_are_told_apart(talking: Talking) -> None:
    first, _ = talking.send("kontakta_mig", CONTACT)
    second, _ = talking.send("kontakta_mig", CONTACT)
    said = talking.say("dra tillbaka min ansökan")
    assert "Vad vill du dra tillbaka" in said
    talking.tap(f"Be om att bli kontaktad, {first}")
    talking.tap("Ja, dra tillbaka")
    assert _opened(talking, first).summary.status == "withdrawn"
    assert _opened(talking, second).summary.status == "received"


def test_answers_to_staff_land_in_the_submission_one_by_one(talking: Talking) -> None:
    reference, _ = talking.send("ansokan_kontaktgrupp", APPLICATION)
    _ask(talking, reference, "Vilken klass går Alva i?")
    _ask(talking, reference, "Vilka dagar passar?")
    assert "fråga till dig" in talking.say(start=True)
    assert "Vilken klass går Alva i?" in talking.tap("Läs och svara")
    assert "Vilka dagar passar?" in talking.say("5 B")
    assert _opened(talking, reference).summary.status == "waiting_for_completion"
    assert "lagts till" in talking.say("tisdagar")
    opened = _opened(talking, reference)
    assert [added.text for added in opened.additions] == ["5 B", "tisdagar"]
    assert opened.summary.status == "in_review"
    assert "fråga till dig" not in talking.say(start=True)


@pytest.mark.parametrize("later", ["avbryt", "inte nu", "hoppa över", "spara och fortsätt sen"])
def test_a_question_from_staff_can_wait(talking: Talking, later: str) -> None:
    reference, _ = talking.send("kontakta_mig", CONTACT)
    _ask(talking, reference, "När passar det?")
    talking.say("mina")
    talking.tap("Svara socialtjänsten")
    assert "finns kvar" in (talking.tap("Inte nu") if later == "inte nu" else talking.say(later))
    assert _opened(talking, reference).additions == ()


def test_what_staff_ask_about_an_application_is_not_shown_in_telegram(talking: Talking) -> None:
    reference, code = talking.send("ansokan_kontaktgrupp", APPLICATION)
    _ask(talking, reference, "Hur mår Alva?")
    there = replace(talking, channel="telegram", sender="42", reply_to="42", labels={}, last=None)
    there.say("hej")
    said = there.say(f"{reference} {code}")
    assert said.startswith(f"”Det du skickade in” med referens {reference}")
    assert "kontaktgrupp" not in said
    shown = there.tap("Svara socialtjänsten")
    assert "Alva" not in shown
    assert "https://chatt.example.com" in shown


def test_danger_in_an_answer_to_staff_comes_first_and_the_answer_is_kept(talking: Talking, database: Database) -> None:
    reference, _ = talking.send("kontakta_mig", CONTACT)
    _ask(talking, reference, "Hur är det hemma?")
    talking.say("mina")
    talking.tap("Svara socialtjänsten")
    assert talking.say("pappa slår mig").startswith("Är någon i fara just nu? Ring 112.")
    assert [added.text for added in _opened(talking, reference).additions] == ["pappa slår mig"]
