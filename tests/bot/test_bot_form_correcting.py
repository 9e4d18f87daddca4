"""Earlier answers put right in the middle of a form, in the words people use – without the NLU."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.dialogue import Dialogue
from bot.form import correcting as form_correcting
from bot.scene import Scene, State, Tools
from bot.turn import Response, Turn
from forms.answer_types import fits
from forms.form import Form
from forms.journey import Journey
from nlu.client import NluUnavailableError, Understanding
from storage import conversations
from storage.conversations import Draft
from storage.database import Database

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GIVEN = {
    "skyddade_uppgifter": "nej",
    "kontaktvag": "telefon",
    "telefon": "+46701740605",
    "basta_tid": "vardagar efter 17",
    "tolk": "ja",
    "tolksprak": "dari",
    "arende": "annat",
    "namn": "Amir Lindqvist",
}
"""All answers to the form that asks for contact."""
CHILD = {
    "skyddade_uppgifter": "nej",
    "vem_fyller_i": "vardnadshavare",
    "barnets_namn": "Elsa Fiktiv",
    "arskurs": "5",
    "barnets_personnummer": None,
    "barnets_fodelsedatum": "2014-04-03",
    "skola": "Ransta skola",
}


def _away(text: str) -> Understanding:
    raise NluUnavailableError("the NLU process is not running")


@pytest.fixture
def tools(make_tools: Callable[..., Tools]) -> Tools:
    return make_tools(understand=_away)


def _scene(tools: Tools, form_id: str, answers: Mapping[str, Any], language: str = "sv", **draft: Any) -> Scene:
    order = {slot: {"by": "resident", "at": f"2026-11-22T12:00:{at:02}"} for at, slot in enumerate(answers)}
    values = {"asking": None, "given": order, **draft}
    kept = Draft("TOKEN12345", form_id, 1, answers, started_at=NOW, updated_at=NOW, **values)
    state = State(municipality="sala", language=language, language_chosen=True)
    return Scene(Turn("web", "r", "1", received_at=NOW), state, kept, tools)


def _after(tools: Tools, form_id: str, answers: Mapping[str, Any], text: str, language: str = "sv") -> dict[str, Any]:
    """Slot -> value for what the text changed; "open" -> the slot that it opened."""
    done = form_correcting.correct(_scene(tools, form_id, answers, language), text)
    if done is None:
        return {}
    assert done.draft
    now = done.draft.answers
    changed = {slot: now.get(slot) for slot in {*now, *answers} if now.get(slot) != answers.get(slot)}
    return {**changed, "open": done.draft.asking} if done.draft.asking else changed


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ("nej jag skrev fel, mitt nummer är 070-1740612", {"telefon": "+46701740612"}),
        ("Nej, jag skrev fel. Mitt nummer är 070-1740612.", {"telefon": "+46701740612"}),
        ("oj skrev fel 0701740612", {"telefon": "+46701740612"}),
        ("fel nummer, det ska vara 070-1740612", {"telefon": "+46701740612"}),
        ("ändra telefonnumret till 070-1740612", {"telefon": "+46701740612"}),
        ("byt telefon till 070 174 06 12 tack", {"telefon": "+46701740612"}),
        ("numret ska vara 070-1740612", {"telefon": "+46701740612"}),
        ("mitt nummer är 070-1740612", {"telefon": "+46701740612"}),
        ("jag nås på 070-1740612", {"telefon": "+46701740612"}),
        ("förlåt, numret är fel", {"open": "telefon"}),
        ("jag skrev fel telefonnummer", {"open": "telefon"}),
        ("det heter Lindkvist med k", {"namn": "Amir Lindkvist"}),
        ("efternamnet stavas Lindkvist", {"namn": "Amir Lindkvist"}),
        ("det ska vara Lindkvist", {"namn": "Amir Lindkvist"}),
        ("jag heter Amira Lindqvist", {"namn": "Amira Lindqvist"}),
        ("nej jag heter amira lindqvist", {"namn": "Amira Lindqvist"}),
        ("efternamnet är Testberg", {"namn": "Amir Testberg"}),
        ("ändra namnet till Omar Testberg", {"namn": "Omar Testberg"}),
        ("namnet är fel", {"open": "namn"}),
        ("inte dari utan somaliska", {"tolksprak": "somaliska"}),
        ("jag menade somaliska inte dari", {"tolksprak": "somaliska"}),
        ("ändra bästa tid att ringa till efter 18", {"basta_tid": "efter 18"}),
        ("vet inte", {}),
        ("stöd för barn", {}),
        ("det är bra så", {}),
        ("070-1740605", {}),
        ("jag vill prata om mitt barn", {}),
        ("det blev fel i skolan för min son", {}),
    ],
)
def test_answers_to_a_request_for_contact(tools: Tools, said: str, changed: dict[str, Any]) -> None:
    assert _after(tools, "kontakta_mig", GIVEN, said) == changed


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ("I wrote the wrong number, it is 070-1740612", {"telefon": "+46701740612"}),
        ("sorry, wrong number, it should be 070-1740612", {"telefon": "+46701740612"}),
        ("change the phone number to 070-1740612", {"telefon": "+46701740612"}),
        ("my number is 070-1740612", {"telefon": "+46701740612"}),
        ("it is spelled Lindkvist with a k", {"namn": "Amir Lindkvist"}),
        ("my name is Amira Lindqvist", {"namn": "Amira Lindqvist"}),
        ("not dari but Somali", {"tolksprak": "Somali"}),
        ("the number is wrong", {"open": "telefon"}),
        ("I do not know", {}),
        ("my child", {}),
    ],
)
def test_english(tools: Tools, said: str, changed: dict[str, Any]) -> None:
    assert _after(tools, "kontakta_mig", GIVEN, said, "en") == changed


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ("jag menade sexan", {"arskurs": "6"}),
        ("inte femman utan sexan", {"arskurs": "6"}),
        ("hon går i sexan inte femman", {"arskurs": "6"}),
        ("fel, hon går i sexan", {"arskurs": "6"}),
        ("hon heter Elsa Fikitv", {"barnets_namn": "Elsa Fikitv"}),
        ("hon heter Alva Fiktiv inte Elsa Fiktiv", {"barnets_namn": "Alva Fiktiv"}),
        ("barnets namn är fel", {"open": "barnets_namn"}),
        ("ändra barnets födelsedatum till 5 april 2014", {"barnets_fodelsedatum": "2014-04-05"}),
        ("hon är född 5 april 2014", {"barnets_fodelsedatum": "2014-04-05"}),
        ("jag skrev fel, skolan ska vara Vallaskolan", {"skola": "Vallaskolan"}),
        ("hon har inga kompisar", {}),
        ("hon är ensam", {}),
    ],
)
def test_answers_about_a_child(tools: Tools, said: str, changed: dict[str, Any]) -> None:
    at_school_year = said in ("jag menade sexan",)
    given_now = {slot: value for slot, value in CHILD.items() if not at_school_year or slot != "skola"}
    if at_school_year:
        given_now = {slot: CHILD[slot] for slot in ("skyddade_uppgifter", "vem_fyller_i", "barnets_namn", "arskurs")}
    assert _after(tools, "ansokan_kontaktgrupp", given_now, said) == changed


def test_the_old_age_tells_which(tools: Tools, forms: dict[str, Form]) -> None:
    """ "Hon är 10 inte 9" is the age, wherever the form is."""
    form = forms["ansokan_kontaktfamilj"]
    age = next(question for question in form.questions if question.fact == "child_age")
    answers: dict[str, Any] = {"skyddade_uppgifter": "nej", "vem_fyller_i": "vardnadshavare"}
    for question in form.questions:
        if question.slot == age.slot:
            break
        if question.slot not in answers and not question.required:
            answers[question.slot] = None
    answers |= {"barnets_namn": "Elsa Fiktiv", age.slot: "9"}
    for said in ("hon är 10 inte 9", "inte 9 utan 10", "nej hon är tio, inte nio"):
        assert _after(tools, form.id, answers, said)[age.slot] == "10"


def test_a_long_text_is_no_correction(tools: Tools) -> None:
    """A story that begins like one is an answer."""
    story = "Det blev fel i skolan. " + "Han vågar inte gå dit och ingen lyssnar på oss när vi berättar. " * 4
    assert form_correcting.correct(_scene(tools, "kontakta_mig", GIVEN), story) is None


def test_an_answer_filled_ahead_is_asked_again(tools: Tools) -> None:
    """What was confirmed before its question was reached: without a new value it is let go, and asked in its turn."""
    ahead = {"skyddade_uppgifter": "nej", "telefon": "+46701740605", "namn": "Amir Lindqvist"}
    done = form_correcting.correct(_scene(tools, "kontakta_mig", ahead), "numret är fel")
    assert done and done.draft
    assert "telefon" not in done.draft.answers
    assert "längre fram" in done.replies[0].text
    assert _after(tools, "kontakta_mig", ahead, "numret ska vara 070-1740612") == {"telefon": "+46701740612"}


@pytest.fixture
def talk(dialogue_alone: Dialogue, database: Database) -> Callable[[str], tuple[str, Mapping[str, Any], Response]]:
    """Says something in one conversation: talk(text) -> (what is said back, the answers, the response)."""
    numbers = count(1)

    def say(text: str) -> tuple[str, Mapping[str, Any], Response]:
        choice = text.removeprefix("tap:") if text.startswith("tap:") else None
        turn = Turn("web", "a", f"m{next(numbers)}", text=None if choice else text, choice=choice, municipality="sala")
        response = dialogue_alone.respond(turn)
        draft = conversations.find(database, "web", "a").draft
        said = "\n".join(reply.full_text for reply in response.replies)
        return said, draft.answers if draft else {}, response

    return say


def test_it_is_said_back_and_the_place_is_kept(talk: Callable[..., Any]) -> None:
    for text in ("tap:f:kontakta_mig", "nej", "ring, men lämna inget meddelande", "070-1740605"):
        talk(text)
    said, answers, response = talk("nej jag skrev fel, mitt nummer är 070-1740612")
    assert "ändrat: Telefon: 070-174 06 12" in said
    assert answers["telefon"] == "+46701740612"
    assert response.draft.slot == "basta_tid"
    assert "basta_tid" not in answers


def test_at_the_summary(talk: Callable[..., Any]) -> None:
    for text in ("tap:f:kontakta_mig", "nej", "mejla mig", "amir@example.com"):
        talk(text)
    for _ in range(6):
        _, _, response = talk("hoppa över")
        if response.draft and response.draft.slot is None:
            break
    said, answers, response = talk("mejlen ska vara sofia@example.com")
    assert answers["epost"] == "sofia@example.com"
    assert "sofia@example.com" in said
    assert response.draft.slot is None


def test_danger_comes_first(talk: Callable[..., Any]) -> None:
    for text in ("tap:f:kontakta_mig", "nej", "mejla mig", "amir@example.com"):
        talk(text)
    _, answers, response = talk("jag skrev fel, min mejl är sofia@example.com och jag vill inte leva längre")
    assert response.account.kind == "crisis"
    assert answers["epost"] == "amir@example.com"


BEGINNINGS = ["nej jag skrev fel, ", "jag menade ", "fel, det ska vara ", "ändra namnet till ", "inte ", "", "I meant "]
ENDINGS = [
    "070-1740612",
    "Lindkvist",
    "sofia@example.com",
    "femman",
    "ja",
    "nej",
    "dari",
    "10 inte 9",
    "",
    "?",
    "somaliska",
]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(BEGINNINGS), st.sampled_from(ENDINGS), st.text(max_size=20))
def test_only_valid_answers_come_of_it(
    tools: Tools, forms: dict[str, Form], beginning: str, ending: str, more: str
) -> None:
    """Whatever is said, one answer at most is changed, to something that fits its question."""
    done = form_correcting.correct(_scene(tools, "kontakta_mig", GIVEN), f"{beginning}{ending} {more}".strip() or "x")
    if done is None or done.draft is None:
        return
    changed = {slot for slot in {*done.draft.answers, *GIVEN} if done.draft.answers.get(slot) != GIVEN.get(slot)}
    assert len(changed) <= 1
    for slot in changed:
        question = forms["kontakta_mig"].question(slot)
        assert question
        assert fits(question, done.draft.answers.get(slot))


PROFESSIONAL = {
    "vem_fyller_i": "yrkesperson",
    "namn": "Kim Exempel",
    "kontaktvag": "telefon",
    "telefon": "+46701740605",
    "barnets_namn": "Elsa Fiktiv",
    "vardnadshavare": "Sofia Lindqvist",
}


def _professional(tools: Tools, asking: str) -> Scene:
    """A professional's application, answered up to the question that is open."""
    form, answers = tools.forms["ansokan_kontaktgrupp"], {}
    while (question := Journey(form, answers).next_question) and question.slot != asking:
        leads_on = next((option.value for option in question.options if not option.stops), None)
        answers[question.slot] = PROFESSIONAL.get(question.slot, leads_on if question.required else None)
    return _scene(tools, form.id, answers, asking=asking)


@pytest.mark.parametrize(
    ("asking", "said"),
    [
        ("vardnadshavare_telefon", "070-174 06 12"),
        ("vardnadshavare_telefon", "0701740612"),
        ("vardnadshavare_telefon", "hennes nummer är 070-174 06 12"),
        ("vardnadshavare_telefon", "numret är 070-174 06 12"),
        ("vardnadshavare", "Amir Ek"),
        ("barnets_namn", "Elsa Fiktiv"),
        ("barnets_fodelsedatum", "3 april 2014"),
        ("arskurs", "5"),
    ],
)
def test_a_plain_answer_is_the_open_questions_and_changes_no_other(tools: Tools, asking: str, said: str) -> None:
    assert form_correcting.correct(_professional(tools, asking), said) is None


@pytest.mark.parametrize("said", ["mitt nummer är 070-174 06 12", "nej fel, mitt nummer är 070-174 06 12"])
def test_ones_own_number_is_put_right_at_the_question_about_somebody_elses(tools: Tools, said: str) -> None:
    done = form_correcting.correct(_professional(tools, "vardnadshavare_telefon"), said)
    assert done and done.draft
    assert done.draft.answers["telefon"] == "+46701740612"
