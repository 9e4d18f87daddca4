"""Several facts in one sentence: proposed for the right questions, confirmed, never asked again – without the NLU."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.choices import CHOICE_ID_BYTES, read_tap
from bot.dialogue import Dialogue
from bot.form import from_facts as form_facts
from bot.form import proposing as form_proposing
from bot.scene import Scene, State, Tools
from bot.turn import Response, Turn
from forms.answer_types import fits
from forms.form import Form
from nlu.client import NluUnavailableError, Understanding
from storage import conversations
from storage.conversations import Draft
from storage.database import Database

FAMILY = (
    "vi är Amir och Sofia Lindqvist i Sala, har en dotter på 11 och en hund, "
    "kan ta emot ett barn två helger i månaden, nås på 070-1740633"
)
PERSONNUMMER = "20140403-9818"


def _away(text: str) -> Understanding:
    raise NluUnavailableError("the NLU process is not running")


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Talk:
    """One resident's conversation, and what is stored of it."""

    def __init__(self, dialogue: Dialogue, database: Database) -> None:
        self._dialogue, self._database = dialogue, database
        self._numbers = count(1)
        self.buttons: dict[str, str] = {}
        self.last: Response

    def say(self, text: str) -> str:
        return self._turn(text=text)

    def tap(self, label_or_id: str) -> str:
        return self._turn(choice=self.buttons.get(label_or_id, label_or_id))

    def _turn(self, **turn: Any) -> str:
        self.last = self._dialogue.respond(
            Turn("web", "resident", f"m{next(self._numbers)}", municipality="vingaker", **turn)
        )
        self.buttons |= {choice.label: choice.id for reply in self.last.replies for choice in reply.choices}
        return "\n".join(reply.full_text for reply in self.last.replies)

    @property
    def labels(self) -> list[str]:
        return [choice.label for choice in self.last.replies[-1].choices]

    @property
    def answers(self) -> Mapping[str, Any]:
        draft = conversations.find(self._database, "web", "resident").draft
        return draft.answers if draft else {}

    @property
    def proposed(self) -> dict[str, Any]:
        return dict(State.from_json(conversations.find(self._database, "web", "resident").state).proposed)


@pytest.fixture
def talk(dialogue_alone: Dialogue, database: Database) -> Talk:
    return Talk(dialogue_alone, database)


@pytest.fixture
def volunteer(talk: Talk) -> Talk:
    """Somebody past the first questions of an expression of interest, for a contact family."""
    talk.tap("f:intresseanmalan")
    talk.say("nej")
    talk.tap("Kontaktfamilj")
    talk.tap("Klar")
    return talk


@pytest.fixture
def applicant(talk: Talk) -> Talk:
    """Somebody asked who they are, in an application to a contact group."""
    talk.tap("f:ansokan_kontaktgrupp")
    talk.say("nej")
    return talk


def test_facts_are_said_back_before_they_are_answers(volunteer: Talk) -> None:
    before = dict(volunteer.answers)
    text = volunteer.say(f"hej, {FAMILY}")
    assert "Jag förstod det här" in text
    for line in ("Namn: Amir och Sofia Lindqvist", "Bor i: Sala", "070-174 06 33", "Två helger i månaden"):
        assert line in text
    assert volunteer.answers.keys() - before.keys() <= {"hushall"}
    assert volunteer.proposed["namn"] == "Amir och Sofia Lindqvist"


def test_what_is_confirmed_is_never_asked_again(volunteer: Talk) -> None:
    volunteer.say(FAMILY)
    volunteer.say("ja")
    answers = volunteer.answers
    assert answers["namn"] == "Amir och Sofia Lindqvist"
    assert answers["bostadsort"] == "Sala"
    assert answers["telefon"] == "+46701740633"
    assert ["tva_helger"] in answers.values()
    assert answers["hushall"] == "tva_vuxna_barn_hemma"
    asked = set()
    for _ in range(25):
        slot = volunteer.last.draft.slot if volunteer.last.draft else None
        asked.add(slot)
        if slot is None:
            break
        volunteer.say("ring, ni får lämna meddelande" if slot == "kontaktvag" else "hoppa över")
    assert None in asked
    assert not asked & {"namn", "bostadsort", "telefon", "hushall"}
    assert volunteer.answers["namn"] == "Amir och Sofia Lindqvist"


def test_who_confirmed_it_is_kept_with_the_answer(volunteer: Talk, database: Database) -> None:
    volunteer.say(FAMILY)
    volunteer.tap("Ja, det stämmer")
    draft = conversations.find(database, "web", "resident").draft
    assert draft is not None
    assert draft.given["namn"]["by"] == "resident"


def test_what_belongs_further_on_waits_for_its_question(volunteer: Talk) -> None:
    volunteer.say(FAMILY)
    volunteer.say("ja")
    assert volunteer.proposed == {"djur": "en hund"}
    while volunteer.last.draft and volunteer.last.draft.slot != "om_dig":
        volunteer.say("hoppa över")
    volunteer.tap("Jag har djur hemma")
    text = volunteer.tap("Klar")
    assert "Djur hemma: en hund" in text
    volunteer.say("ja")
    assert volunteer.answers["djur"] == "en hund"
    assert volunteer.proposed == {}


def test_no_is_no(volunteer: Talk) -> None:
    volunteer.say(FAMILY)
    answers = dict(volunteer.answers)
    text = volunteer.tap("Nej, fråga i stället")
    assert "Då frågar jag i stället" in text
    assert volunteer.proposed == {}
    assert volunteer.answers == answers


def test_one_of_few_is_left_out_by_its_button(talk: Talk) -> None:
    talk.tap("f:kontakta_mig")
    talk.say("nej")
    talk.say("jag heter Sofia Lindqvist och nås på 070-1740633")
    assert talk.labels == ["Ja, det stämmer", "Ta bort: Telefon", "Ta bort: Namn", "Nej, fråga i stället"]
    text = talk.tap("Ta bort: Telefon")
    assert "Jag tog bort: Telefon" in text
    talk.say("ja")
    assert "telefon" not in talk.answers
    assert talk.answers["namn"] == "Sofia Lindqvist"


def test_one_of_many_is_left_out_through_a_menu(volunteer: Talk) -> None:
    volunteer.say(f"hej, {FAMILY}")
    assert "Ta bort något" in volunteer.labels
    volunteer.tap("Ta bort något")
    volunteer.tap("Ta bort: Bor i")
    volunteer.say("ja")
    assert "bostadsort" not in volunteer.answers
    assert volunteer.answers["namn"] == "Amir och Sofia Lindqvist"


@pytest.mark.parametrize(
    ("said", "slot", "value"),
    [
        ("ja men numret är fel", "telefon", None),
        ("ja, men inte telefonen", "telefon", None),
        ("ja men mitt nummer är 070-1740612", "telefon", "+46701740612"),
        ("ja fast det heter Lindkvist med k", "namn", "Amir och Sofia Lindkvist"),
    ],
)
def test_yes_but(volunteer: Talk, said: str, slot: str, value: str | None) -> None:
    """The rest is taken at once; what was wrong is right, or asked for in its turn."""
    volunteer.say(FAMILY)
    volunteer.say(said)
    assert volunteer.answers.get(slot) == value
    assert volunteer.answers["bostadsort"] == "Sala"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("nej, numret är 070-1740612", "070-174 06 12"),
        ("nej vi heter Amir och Sofie Lindqvist", "Amir och Sofie Lindqvist"),
        ("fel, det ska vara en helg i månaden", "En helg i månaden"),
        ("vår mejl är amir@example.com", "070-174 06 33"),
    ],
)
def test_what_is_wrong_is_put_right_and_said_back_again(volunteer: Talk, said: str, line: str) -> None:
    volunteer.say(FAMILY)
    text = volunteer.say(said)
    assert "Jag förstod det här" in text
    assert line in text
    assert "namn" not in volunteer.answers


def test_other_texts_are_not_taken_for_an_answer(volunteer: Talk) -> None:
    """A text that is neither yes nor no never lands in the question behind the proposal."""
    volunteer.say(FAMILY)
    answers = dict(volunteer.answers)
    text = volunteer.say("vi tycker om fotboll")
    assert "Svara ja eller nej" in text
    assert volunteer.answers == answers


@pytest.mark.parametrize("said", ["varför", "hjälp", "spara och fortsätt sen", "hur många frågor är det kvar?"])
def test_the_place_is_kept(volunteer: Talk, said: str) -> None:
    volunteer.say(FAMILY)
    text = volunteer.say(said)
    assert "Jag förstod det här" in text or said == "spara och fortsätt sen"
    assert volunteer.proposed["namn"] == "Amir och Sofia Lindqvist"


def test_skip_says_no(volunteer: Talk) -> None:
    volunteer.say(FAMILY)
    assert "Då frågar jag i stället" in volunteer.say("hoppa över")
    assert volunteer.proposed == {}


def test_back_opens_the_question_before(volunteer: Talk) -> None:
    volunteer.say(FAMILY)
    text = volunteer.say("tillbaka")
    assert "Jag förstod det här" not in text
    assert volunteer.proposed["namn"] == "Amir och Sofia Lindqvist"


def test_a_late_tap_says_yes_to_nothing_else(volunteer: Talk) -> None:
    """The yes of an earlier proposal does not confirm a later one."""
    volunteer.say(FAMILY)
    old = volunteer.buttons["Ja, det stämmer"]
    volunteer.say("nej, numret är 070-1740612")
    assert volunteer.buttons["Ja, det stämmer"] != old
    text = volunteer.tap(old)
    assert "Inget har ändrats" in text
    assert "telefon" not in volunteer.answers
    volunteer.say("ja")
    assert volunteer.answers["telefon"] == "+46701740612"
    answers = dict(volunteer.answers)
    assert "Inget har ändrats" in volunteer.tap(old)
    assert volunteer.answers == answers


def test_danger_comes_first(volunteer: Talk) -> None:
    """Facts beside danger are not proposed then; a proposal that waits still waits."""
    volunteer.say("jag heter Sofia, nås på 070-1740633 och jag vill inte leva längre")
    assert volunteer.last.account.kind == "crisis"
    assert volunteer.proposed == {}
    volunteer.say(FAMILY)
    text = volunteer.say("ja men jag vill inte leva längre")
    assert volunteer.last.account.kind == "crisis"
    assert text.index("112") < text.index("Jag förstod det här")
    assert "namn" not in volunteer.answers


def test_nothing_before_the_question_of_protected_identity(talk: Talk) -> None:
    talk.tap("f:intresseanmalan")
    text = talk.say(FAMILY)
    assert "Jag förstod det här" not in text
    assert talk.proposed == {}
    assert talk.last.draft
    assert talk.last.draft.slot == "skyddade_uppgifter"


def test_own_child_is_the_child_only_for_a_guardian(applicant: Talk) -> None:
    text = applicant.say("jag är mamma till Ali som går i femman på Ransta skola")
    for line in ("Barnets namn: Ali", "Årskurs: 5", "Skola: Ransta skola"):
        assert line in text
    applicant.say("ja")
    assert applicant.answers["vem_fyller_i"] == "vardnadshavare"
    assert applicant.answers["barnets_namn"] == "Ali"
    assert applicant.answers["arskurs"] == "5"


def test_a_professionals_own_child_is_not_the_child(applicant: Talk) -> None:
    text = applicant.say("jag är kurator, min son Leo är 9 år, eleven heter Tilde Påhitt")
    assert "Barnets namn: Tilde Påhitt" in text
    assert "Leo" not in text
    assert "Leo" not in str(applicant.proposed)


def test_own_daughter_is_part_of_the_household_of_who_offers(volunteer: Talk) -> None:
    volunteer.say(f"{FAMILY}, hon heter Elsa och går i femman")
    volunteer.say("ja")
    assert volunteer.answers["hushall"] == "tva_vuxna_barn_hemma"
    assert "Elsa" not in str(dict(volunteer.answers)) + str(volunteer.proposed)
    assert "onskad_alder" not in volunteer.answers


def test_a_personnummer_is_never_shown_in_full(applicant: Talk) -> None:
    applicant.say("vårdnadshavare")
    text = applicant.say(f"Ali Lindqvist {PERSONNUMMER}")
    assert "20140403-••••" in text
    assert "9818" not in text
    applicant.say("ja")
    assert applicant.answers["barnets_namn"] == "Ali Lindqvist"
    assert applicant.answers["barnets_personnummer"] == "201404039818"


def test_a_personnummer_is_no_fact_where_the_form_does_not_ask(volunteer: Talk) -> None:
    volunteer.say(f"vi är Amir och Sofia Lindqvist, {PERSONNUMMER}, nås på 070-1740633")
    assert "201404039818" not in str(volunteer.proposed)


def test_a_long_text_keeps_its_own_words(applicant: Talk) -> None:
    """It is the answer as it stands; what else it tells is proposed for other questions."""
    applicant.say("vårdnadshavare")
    story = "Alva är blyg. Hon behöver kompisar. Jag heter Sofia Lindqvist och nås på 070-1740633."
    while applicant.last.draft and applicant.last.draft.slot != "behov_egna_ord":
        applicant.say("Alva Fiktiv" if applicant.last.draft.slot == "barnets_namn" else "hoppa över")
    text = applicant.say(story)
    assert applicant.answers["behov_egna_ord"] == story
    assert "Ditt namn: Sofia Lindqvist" in text
    assert "070-174 06 33" in text


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Amir Lindqvist", "Amir Lindqvist"),
        ("jag heter amir lindqvist", "Amir Lindqvist"),
        ("Vi heter Maja och Olle Provström", "Maja och Olle Provström"),
        ("Kan Provtagare", "Kan Provtagare"),
    ],
)
def test_an_answer_is_kept_without_the_words_around_it(talk: Talk, said: str, kept: str) -> None:
    """A plain answer is taken at once, with nothing to confirm."""
    talk.tap("f:kontakta_mig")
    for text in ("nej", "mejla mig", "sofia@example.com"):
        talk.say(text)
    while talk.last.draft and talk.last.draft.slot != "namn":
        talk.say("hoppa över")
    text = talk.say(said)
    assert "Jag förstod det här" not in text
    assert talk.answers["namn"] == kept


def test_a_name_with_more_after_it_is_taken_apart(talk: Talk) -> None:
    talk.tap("f:kontakta_mig")
    talk.say("nej")
    talk.say("ring, men lämna inget meddelande")
    text = talk.say("Sofia Lindqvist 070-1740633")
    assert talk.answers["telefon"] == "+46701740633" or "Telefon: 070-174 06 33" in text


def test_english(talk: Talk) -> None:
    talk.tap("c:language:en")
    talk.tap("f:intresseanmalan")
    talk.say("no")
    talk.tap("Contact family")
    talk.tap("Done")
    text = talk.say(
        "We are Sam and Hanna Madeup, have a daughter aged 11 and a dog, can take a child every other weekend, "
        "call 070-174 06 33"
    )
    assert "This is what I understood" in text
    assert "Sam and Hanna Madeup" in text
    talk.say("yes but the number is wrong")
    assert "telefon" not in talk.answers
    assert ["tva_helger"] in talk.answers.values()


# --- from facts to values, without a conversation
def _scene(tools: Tools, form_id: str, answers: Mapping[str, Any], **state: Any) -> Scene:
    draft = Draft("TOKEN12345", form_id, 1, answers, None, NOW, NOW)
    return Scene(Turn("web", "r", "1", received_at=NOW), State(municipality="sala", **state), draft, tools)


def test_the_state_survives_storage() -> None:
    state = State(proposed=(("namn", "Amir"), ("uppdrag", ["kontaktfamilj"]), ("kontakt_nu", True)))
    assert State.from_json(state.to_json()) == state


def test_what_is_proposed_goes_with_its_form(make_tools: Callable[..., Tools]) -> None:
    scene = _scene(make_tools(understand=_away), "intresseanmalan", {}, proposed=(("namn", "Amir"),))
    assert scene.with_draft(None).state.proposed == ()
    waiting = replace(scene, draft=None).remember(pending="form:intresseanmalan")
    assert waiting.with_draft(None).state.proposed == (("namn", "Amir"),)
    assert waiting.remember(pending=None).with_draft(None).state.proposed == ()


def test_a_sentence_that_starts_a_form_waits_for_the_first_question(make_tools: Callable[..., Tools]) -> None:
    scene = _scene(make_tools(understand=_away), "intresseanmalan", {}, proposed=(("namn", "Amir"),))
    assert form_proposing.shown(scene) == ()
    answered = _scene(
        make_tools(understand=_away), "intresseanmalan", {"skyddade_uppgifter": "nej"}, proposed=(("namn", "Amir"),)
    )
    assert [question.slot for question, _ in form_proposing.shown(answered)] == ["namn"]


def test_two_values_for_one_question_are_none(make_tools: Callable[..., Tools], forms: dict[str, Form]) -> None:
    form = forms["intresseanmalan"]
    scene = _scene(make_tools(understand=_away), form.id, {"skyddade_uppgifter": "nej"})
    facts = form_facts.facts_in(scene, "jag nås på 070-1740633 eller 070-1740634")
    assert "telefon" not in form_facts.values_for(scene, form, facts)


def test_no_answer_that_ends_a_form_is_proposed(make_tools: Callable[..., Tools], forms: dict[str, Form]) -> None:
    for form in forms.values():
        scene = _scene(make_tools(understand=_away), form.id, {})
        facts = form_facts.facts_in(scene, "jag är kurator, orolig, vill anmäla, ja, nej, jag är mamma till Ali")
        for slot, value in form_facts.values_for(scene, form, facts).items():
            question = form.question(slot)
            assert question
            assert not any(option.stops for option in question.options if option.value == value)


def test_every_fact_of_the_forms_can_be_told(make_tools: Callable[..., Tools], forms: dict[str, Form]) -> None:
    """No kind of fact that a definition names is one that no sentence gives."""
    told = (
        "jag är mamma till Ali Fiktiv som är 9 år och går i trean på Ransta skola, född 3 april 2014, jag heter "
        "Sofia Lindqvist, bor i Nyland, 070-1740633, sofia@example.com, min man Omar Lindqvist, vi är två vuxna, har "
        "en hund, talar svenska, behöver tolk i dari, kan varannan helg, vill bli kontaktfamilj, helst tonåringar, "
        "postnummer 733 30. jag är född 3 maj 1984"
    )
    for form in forms.values():
        scene = _scene(make_tools(understand=_away), form.id, {})
        found = form_facts.values_for(scene, form, form_facts.facts_in(scene, told))
        for fact in ("writer_name", "writer_phone", "writer_email", "child_name", "writer_role", "other_guardian_name"):
            for question in (one for one in form.questions if one.fact == fact):
                assert question.slot in found, (form.id, question.slot)


PIECES = [
    *(
        "vi är Amir och Sofia Lindqvist",
        "jag är mamma till Ali",
        "jag är kurator",
        "min son är 9 år",
        "hon går i femman",
    ),
    *("har en dotter på 11 och en hund", "070-1740633", "sofia@example.com", "vi bor i Sala", "kan varannan helg"),
    *("född 3 april 2014", PERSONNUMMER, "talar arabiska", "tolk i dari", "helst barn mellan 7 och 12", "vet inte"),
    *("min fru heter Sara", "postnummer 733 30", "jag är ensamstående", "elev på Rydskolan", "jag är 16 år"),
]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.booleans())
def test_only_valid_values_are_proposed(
    make_tools: Callable[..., Tools], forms: dict[str, Form], pieces: list[str], gate: bool
) -> None:
    """Whatever is said: each value fits its question, none is for an answered one, every button is short enough."""
    text = ", ".join(pieces)
    for form in forms.values():
        first = form.questions[0].slot
        answers = {first: "nej"} if gate else {}
        scene = _scene(make_tools(understand=_away), form.id, answers)
        found = form_facts.values_for(scene, form, form_facts.facts_in(scene, text))
        assert first not in found
        for slot, value in found.items():
            question = form.question(slot)
            assert question
            assert fits(question, value)
            assert value is not None
        scene = form_proposing.remember(scene, found)
        shown = form_proposing.shown(scene)
        assert bool(shown) <= gate
        reply = form_proposing.reply(scene)
        for choice in reply.choices if reply else ():
            assert len(choice.id.encode()) <= CHOICE_ID_BYTES
            assert read_tap(choice.id)
        assert not reply or "9818" not in reply.text
