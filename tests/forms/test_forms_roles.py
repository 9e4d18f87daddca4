"""Who fills in what: the fork for those who help, young people of 12, 15 and 18, adults, relatives, two guardians."""

import random
from datetime import date

import pytest
from filled_forms import FORMS, ROUTES, TODAY, walk, walked

from forms.answer_types import read
from forms.conditions import Value
from forms.journey import Journey

APPLICATIONS = ("ansokan_kontaktperson", "ansokan_kontaktfamilj", "ansokan_kontaktgrupp")
YOUNG = [
    ("ansokan_kontaktperson", "ung_15_17"),
    ("ansokan_kontaktperson", "ung_12_14"),
    ("ansokan_kontaktfamilj", "ung_15_17"),
]
ALONE = [*YOUNG, ("ansokan_kontaktgrupp", "barnet")]
ABOUT_A_CHILD = {
    *("arende", "familjen_vet", "roll", "vardnadshavare", "vardnadshavare_telefon", "barnets_namn", "andra_vh"),
    *("barnets_personnummer", "barnets_fodelsedatum", "barnets_alder", "bra_att_veta", "barnets_rost"),
}


def notices_of(journey: Journey, slot: str, language: str = "sv") -> str:
    return " ".join(notice[language] for notice in journey.notices(slot))


@pytest.mark.parametrize("form_id", APPLICATIONS)
@pytest.mark.parametrize(("answer", "stopped"), [("oro", True), ("jag är orolig för henne", True), ("hjälpa", False)])
def test_concern_for_a_child_leaves_the_application(form_id: str, answer: str, stopped: bool) -> None:
    form = FORMS[form_id]
    answers: dict[str, Value] = {"skyddade_uppgifter": "nej", "vem_fyller_i": "yrkesperson"}
    question = Journey(form, answers, TODAY).next_question
    assert question is not None
    assert question.slot == "arende"
    journey = Journey(form, {**answers, "arende": read(question, answer, "sv", TODAY)}, TODAY)
    assert journey.stopped is stopped
    assert ("112" in (journey.stop_text or {"sv": ""})["sv"]) is stopped


@pytest.mark.parametrize("form_id", APPLICATIONS)
def test_the_way_to_report_concern_says_what_matters(form_id: str) -> None:
    question = FORMS[form_id].question("arende")
    assert question is not None
    texts = next(option.stop_text for option in question.options if option.stops) or {}
    for said in ("genast", "Du behöver inte vara säker", "Kväll och helg: ring 112 och be om socialjouren"):
        assert said in texts["sv"]
    for said in ("at once", "You do not need to be sure", "call 112 and ask for the emergency social services"):
        assert said in texts["en"]


@pytest.mark.parametrize(
    ("form_id", "route"),
    [
        (form_id, route)
        for form_id in APPLICATIONS
        for route in ROUTES[form_id]
        if route not in ("yrkesperson", "annan")
    ],
)
def test_the_fork_is_only_for_those_who_help_a_family(form_id: str, route: str) -> None:
    asked = set(walked(form_id, route).relevant_answers)
    assert not {"arende", "familjen_vet", "vardnadshavare", "vardnadshavare_telefon"} & asked


@pytest.mark.parametrize("form_id", APPLICATIONS)
def test_somebody_who_has_not_asked_the_family_hears_to_do_so(form_id: str) -> None:
    journey = walked(form_id, "yrkesperson", familjen_vet="nej")
    for said in ("tillsammans med familjen", "Tystnadsplikt", "orosanmälan"):
        assert said in notices_of(journey, "familjen_vet")
    assert "familjen_vet_inte" in journey.flags


@pytest.mark.parametrize(("form_id", "route"), ALONE)
def test_a_young_person_who_writes_is_asked_about_themselves(form_id: str, route: str) -> None:
    for seed in range(40):
        journey = walked(form_id, route, seed=seed)
        assert not set(journey.relevant_answers) & ABOUT_A_CHILD
        assert {"namn", "eget_fodelsedatum", "behov", "hemma_vet", "om_dig"} <= set(journey.relevant_answers)
        assert journey.notices("vem_fyller_i")
        for question in journey.path[2:]:
            for text in (question.text, question.hint or {}):
                assert "barnet" not in text.get("sv", "").casefold()
                assert "the child" not in text.get("en", "").casefold()


@pytest.mark.parametrize(("form_id", "route"), ALONE)
def test_nobody_at_home_is_a_condition(form_id: str, route: str) -> None:
    form = FORMS[form_id]
    for answer in ("ja", "nej", None):
        journey = walked(form_id, route, hemma_vet=answer)
        assert journey.is_complete
        assert ("hemma_vet_inte" in journey.flags) is (answer == "nej")
    question = form.question("hemma_vet")
    assert question is not None and question.why is not None and question.hint is not None
    assert "Chatten berättar inget för dem hemma" in question.why["sv"]
    assert "ansöka vad du än svarar" in question.hint["sv"]
    assert question.private
    path = walked(form_id, route).path
    assert not [question.slot for question in path if question.type == "phone" and question.slot != "telefon"]


@pytest.mark.parametrize(
    ("form_id", "route", "born", "flag", "said"),
    [
        ("ansokan_kontaktperson", "ung_15_17", "2011-03-01", "ung_soker_sjalv", ""),
        ("ansokan_kontaktperson", "ung_15_17", "2011-03-02", "ung_under_15", "inte fyllt 15 år än"),
        ("ansokan_kontaktperson", "ung_15_17", "2008-03-01", "har_fyllt_18", ""),
        ("ansokan_kontaktperson", "ung_12_14", "2014-03-01", "ung_under_15", ""),
        ("ansokan_kontaktperson", "ung_12_14", "2014-03-02", "under_12", "vuxen som du litar på"),
        ("ansokan_kontaktperson", "ung_12_14", "2011-03-01", "alder_stammer_inte", "fyllt 15 år kan ansöka själv"),
        ("ansokan_kontaktperson", "vuxen_sjalv", "2008-03-02", "alder_stammer_inte", "under 18 år"),
        ("ansokan_kontaktfamilj", "ung_15_17", "2011-03-02", "ung_under_15", "inte fyllt 15 år än"),
        ("ansokan_kontaktfamilj", "ung_15_17", "2008-03-01", "har_fyllt_18", ""),
    ],
)
def test_the_age_of_somebody_who_applies_alone(form_id: str, route: str, born: str, flag: str, said: str) -> None:
    journey = walked(form_id, route, eget_fodelsedatum=born)
    assert journey.is_complete
    assert flag in journey.flags
    assert said in notices_of(journey, "eget_fodelsedatum")
    assert bool(journey.notices("eget_fodelsedatum")) is bool(said)


def test_an_adult_of_age_is_not_flagged() -> None:
    journey = walked("ansokan_kontaktperson", "vuxen_sjalv", eget_fodelsedatum="2008-03-01")
    assert not {"alder_stammer_inte", "har_fyllt_18", "ung_under_15"} & set(journey.flags)


@pytest.mark.parametrize(
    ("born", "flag"),
    [
        ("2014-03-02", None),
        ("2014-03-01", "barn_12_14"),
        ("2011-03-02", "barn_12_14"),
        ("2011-03-01", "barn_15_17"),
        ("2008-03-02", "barn_15_17"),
        ("2008-03-01", "har_fyllt_18"),
    ],
)
@pytest.mark.parametrize("slot", ["barnets_fodelsedatum", "barnets_personnummer"])
def test_what_a_child_wants_matters_more_with_age(born: str, flag: str | None, slot: str) -> None:
    by_number: dict[str, Value] = {"barnets_personnummer": f"{born.replace('-', '')}9800"}
    by_date: dict[str, Value] = {"barnets_personnummer": None, "barnets_fodelsedatum": born}
    given = by_number if slot == "barnets_personnummer" else by_date
    journey = walked("ansokan_kontaktperson", "vardnadshavare", **given)
    assert journey.is_complete
    assert {"barn_12_14", "barn_15_17", "har_fyllt_18"} & set(journey.flags) == ({flag} if flag else set())
    assert bool(journey.notices(slot)) is (flag is not None)


@pytest.mark.parametrize(
    ("answers", "outside"),
    [
        ({"barnets_personnummer": "202303019800"}, False),
        ({"barnets_personnummer": "202303029800"}, True),
        ({"barnets_personnummer": "201303029800"}, False),
        ({"barnets_personnummer": "201303019800"}, True),
        ({"barnets_personnummer": None, "barnets_fodelsedatum": "2013-03-01"}, True),
        ({"barnets_personnummer": None, "barnets_fodelsedatum": "2013-03-02"}, False),
        ({"barnets_personnummer": None, "barnets_fodelsedatum": None, "barnets_alder": "12"}, False),
        ({"barnets_personnummer": None, "barnets_fodelsedatum": None, "barnets_alder": "13"}, True),
        ({"barnets_personnummer": None, "barnets_fodelsedatum": None, "barnets_alder": "2"}, True),
        ({"barnets_personnummer": None, "barnets_fodelsedatum": None, "barnets_alder": None}, False),
    ],
)
@pytest.mark.parametrize("route", ["vardnadshavare", "yrkesperson"])
def test_a_contact_family_for_a_child_of_another_age_is_taken_and_flagged(
    answers: dict[str, Value], outside: bool, route: str
) -> None:
    journey = walked("ansokan_kontaktfamilj", route, **answers)
    assert journey.is_complete
    assert ("barn_utanfor_alder" in journey.flags) is outside
    said = "".join(notices_of(journey, slot) for slot in answers)
    for words in ("3–12 år", "Du kan ansöka ändå", "ansöka om kontaktperson"):
        assert (words in said) is outside
    offered = {form_id for slot in answers for form_id in journey.offers(slot)}
    assert offered == ({"ansokan_kontaktperson"} if outside else set())


def test_a_young_person_hears_which_ages_a_contact_family_is_for() -> None:
    journey = walked("ansokan_kontaktfamilj", "ung_15_17")
    assert "barn_utanfor_alder" in journey.flags
    assert "3–12 år" in notices_of(journey, "vem_fyller_i")
    assert journey.offers("vem_fyller_i") == ("ansokan_kontaktperson",)


def test_a_stored_application_keeps_the_ages_of_the_day_it_was_sent() -> None:
    answers = walked("ansokan_kontaktfamilj", "vardnadshavare", barnets_personnummer="201303029800").relevant_answers
    form = FORMS["ansokan_kontaktfamilj"]
    assert "barn_utanfor_alder" not in Journey(form, answers, TODAY).flags
    assert "barn_utanfor_alder" in Journey(form, answers, date(2026, 3, 2)).flags
    assert "barn_utanfor_alder" not in Journey(form, answers).flags


@pytest.mark.parametrize("form_id", APPLICATIONS)
@pytest.mark.parametrize(
    ("answer", "flag"),
    [("ensam", None), ("vet_vill", None), ("vet_tveksam", "vh_tveksam"), ("vet_inte_om", "vh_vet_inte"), (None, None)],
)
def test_the_other_guardian_is_no_condition_and_sees_nothing(form_id: str, answer: Value, flag: str | None) -> None:
    journey = walked(form_id, "vardnadshavare", andra_vh=answer)
    assert journey.is_complete
    assert {"vh_tveksam", "vh_vet_inte"} & set(journey.flags) == ({flag} if flag else set())
    assert ("andra_vh_namn" in journey.relevant_answers) is (answer == "vet_vill")
    question = FORMS[form_id].question("andra_vh")
    assert question is not None and question.private and question.hint is not None and question.why is not None
    assert "ansöka vad du än svarar" in question.hint["sv"]
    assert "ser inte ditt svar" in question.why["sv"]


@pytest.mark.parametrize("form_id", APPLICATIONS)
def test_how_to_reach_somebody_is_private(form_id: str) -> None:
    private = {question.slot for question in FORMS[form_id].questions if question.private}
    assert private >= {
        *("kontaktvag", "telefon", "epost", "basta_tid", "andra_vh", "andra_vh_namn", "hemma_vet", "barnets_rost"),
        "vardnadshavare_telefon",
    }


@pytest.mark.parametrize("form_id", APPLICATIONS)
def test_the_childs_own_words_are_asked_for_when_the_child_wants_it(form_id: str) -> None:
    (question,) = [question for question in FORMS[form_id].questions if question.childs_voice]
    assert question.slot == "barnets_rost"
    assert not question.required
    assert question.text["sv"].startswith("Till barnet:")
    for route in set(ROUTES[form_id]) & {"vardnadshavare", "yrkesperson", "annan"}:
        assert "barnets_rost" in walked(form_id, route, bra_att_veta=["barnets_rost"]).relevant_answers
        assert "barnets_rost" not in walked(form_id, route, bra_att_veta=None).relevant_answers


@pytest.mark.parametrize(
    ("answer", "flag", "told"),
    [
        ("vill", None, False),
        ("osaker", "vuxen_osaker", False),
        ("vet_inte_om", "vuxen_vet_inte", True),
        ("kan_inte_saga", "vuxen_kan_inte_saga", False),
        (None, "saknar_onskan", False),
    ],
)
def test_a_relative_tells_what_the_adult_wants(answer: Value, flag: str | None, told: bool) -> None:
    journey = walked("ansokan_kontaktperson", "narstaende_vuxen", den_vuxnas_onskan=answer)
    assert journey.is_complete
    wishes = {"vuxen_osaker", "vuxen_vet_inte", "vuxen_kan_inte_saga", "saknar_onskan"}
    assert wishes & set(journey.flags) == ({flag} if flag else set())
    assert bool(journey.notices("den_vuxnas_onskan")) is told
    assert {"den_vuxnas_namn", "behov_vuxen", "roll", "om_dig"} <= set(journey.relevant_answers)


def test_adults_choose_among_the_needs_of_adults() -> None:
    for route in ROUTES["ansokan_kontaktperson"]:
        asked = set(walked("ansokan_kontaktperson", route).relevant_answers)
        assert ({"behov", "behov_vuxen"} & asked) == ({"behov_vuxen"} if "vux" in route else {"behov"})


@pytest.mark.parametrize(
    ("form_id", "route", "told"),
    [(form_id, route, route not in ("yrkesperson", "annan")) for form_id in APPLICATIONS for route in ROUTES[form_id]],
)
def test_an_address_that_others_read_matters_at_home(form_id: str, route: str, told: bool) -> None:
    notices = notices_of(walked(form_id, route, kontaktvag="epost"), "kontaktvag")
    assert notices == ("Skriv en adress som bara du läser." if told else "")


@pytest.mark.parametrize("form_id", APPLICATIONS)
@pytest.mark.parametrize("way", ["telefon", "ring_utan_meddelande"])
def test_whoever_is_called_says_when(form_id: str, way: str) -> None:
    for route in ROUTES[form_id]:
        asked = set(walked(form_id, route, kontaktvag=way).relevant_answers)
        assert ("basta_tid" in asked) is (route != "yrkesperson")
        assert "epost" not in asked


def test_an_application_to_a_group_promises_no_place() -> None:
    form = FORMS["ansokan_kontaktgrupp"]
    assert "betyder inte att det säkert blir en plats" in form.purpose["sv"]
    assert "får barnet vänta i kön" in form.purpose["sv"]
    assert "är inte en plats" in form.receipt["sv"]
    for texts in (form.purpose, form.receipt):
        assert "kö" in texts["sv"]
        assert "queue" in texts["en"]
        assert "plats i kön" not in texts["sv"]


@pytest.mark.parametrize(("year", "outside"), [("3", True), ("4", False), ("6", False), ("7", True), ("0", True)])
def test_a_child_outside_the_middle_years_may_apply_and_is_flagged(year: str, outside: bool) -> None:
    journey = walked("ansokan_kontaktgrupp", "vardnadshavare", arskurs=year)
    assert journey.is_complete
    assert ("barn_utanfor_alder" in journey.flags) is outside
    assert bool(journey.notices("arskurs")) is outside


def test_a_wish_to_be_picked_up_is_one_tap() -> None:
    for where in ("hamtas_skolan", "hamtas_hemma"):
        journey = walked("ansokan_kontaktgrupp", "vardnadshavare", bra_att_veta=[where])
        assert "behover_hamtning" in journey.flags
    assert "behover_hamtning" not in walked("ansokan_kontaktgrupp", "vardnadshavare", bra_att_veta=["tolk"]).flags


def test_several_assignments_at_once_ask_each_thing_once() -> None:
    everything: list[str] = ["kontaktperson_barn", "kontaktfamilj", "umgangesstodjare"]
    journey = walked("intresseanmalan", "kontaktfamilj", uppdrag=everything)
    asked = list(journey.relevant_answers)
    assert {"hushall", "antal_barn", "tid", "dagar", "erfarenhet", "onskad_alder"} <= set(asked)
    assert len(asked) == len(set(asked)) <= 19


def test_two_who_apply_together_are_flagged() -> None:
    journey = walked("intresseanmalan", "kontaktfamilj", om_dig=["ar_tva"])
    assert "ar_tva" in journey.flags
    question = FORMS["intresseanmalan"].question("namn")
    assert question is not None and question.hint is not None
    assert "båda namnen" in question.hint["sv"]


def test_nothing_moves_when_answers_come_in_another_order() -> None:
    form = FORMS["ansokan_kontaktperson"]
    answers = walk(form, random.Random(5), ROUTES["ansokan_kontaktperson"]["vardnadshavare"][0])
    turned = dict(reversed(answers.items()))
    assert Journey(form, turned, TODAY).relevant_answers == answers
