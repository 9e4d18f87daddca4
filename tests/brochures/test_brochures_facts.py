"""The facts and the answers belong together: nothing uncited, nothing unfounded, the right municipality's word."""

import re
from datetime import date

import pytest

from brochures.brochure import LANGUAGES, Answer
from brochures.lookup import Library

PLACES = {"gotene": "Götene", "kramfors": "Kramfors", "sala": "Sala", "vingaker": "Vingåker"}

DIFFERING = ("age", "cost", "household", "how_long", "how_often", "pay", "queue", "training", "weekdays_holidays")
"""Topics where the municipalities say different things, or only one of them says anything."""

CORRECTED = {
    # fact that is too absolute -> what an answer citing it must also say, in Swedish and in English
    "gotene_kontaktperson.samtycke": [("fyllt 12", "turned 12")],
    "gotene_kontaktperson.frivillig": [("särskilt kvalificerad", "specially qualified")],
    "gotene_kontaktperson.vem_ansoker": [("fyllt 15", "turned 15"), ("fyllt 12", "turned 12")],
    "vingaker_kontaktgrupp.godkannande": [("fyllt 12", "turned 12")],
    "sala_intresseanmalan.frivillig": [("särskilt kvalificerad", "specially qualified")],
}


def test_the_five_brochures_are_there_with_their_publishers_and_dates(library: Library) -> None:
    facts = {
        brochure.id: (brochure.publisher, brochure.municipality, brochure.kind, brochure.published, brochure.updated)
        for brochure in library.brochures.values()
    }
    assert facts == {
        "vingaker_kontaktgrupp": ("Vingåkers kommun", "vingaker", "folder", None, None),
        "gotene_kontaktperson": ("Götene kommun", "gotene", "webbsida", None, None),
        "kramfors_kontaktperson_kontaktfamilj": ("Kramfors kommun", "kramfors", "webbsida", None, None),
        "mininsats_kontaktperson": ("Socialstyrelsen", None, "folder", None, None),
        "sala_intresseanmalan": ("Sala kommun", "sala", "e-tjänst", date(2017, 4, 6), date(2023, 12, 12)),
    }


def test_every_fact_is_cited_by_an_answer(library: Library) -> None:
    cited = {fact for answer in library.answers.values() for fact in answer.facts}
    assert cited == set(library.facts)


def test_the_brochure_itself_is_dated_and_so_are_answers_that_build_on_it(library: Library) -> None:
    answer = library.answer("contact_ways", "allmant", "sala", "sv")
    assert answer is not None
    assert answer.sources[0].dated == date(2023, 12, 12)
    assert "12 december 2023" in answer.text
    assert "2023-12-12" in answer.sources[0].label


def test_a_contact_detail_is_always_given_with_its_date(library: Library) -> None:
    for answer in library.answers.values():
        if "0224" in answer.text or "@" in answer.text:
            assert "2023" in answer.text, _name(answer)


def test_a_municipality_variant_rests_on_its_own_or_the_national_brochure(library: Library) -> None:
    for answer in library.answers.values():
        if answer.municipality is not None:
            cited = {source.municipality for source in answer.sources}
            assert cited <= {answer.municipality, None}, _name(answer)
            assert answer.municipality in cited, _name(answer)


def test_an_answer_names_the_municipality_of_a_fact_that_differs(library: Library) -> None:
    for answer in library.answers.values():
        if answer.municipality is None and answer.topic in DIFFERING:
            for place in {source.municipality for source in answer.sources} - {None}:
                assert PLACES[str(place)] in answer.text, _name(answer)


def test_an_answer_names_no_municipality_it_does_not_cite(library: Library) -> None:
    for answer in library.answers.values():
        cited = {source.municipality for source in answer.sources}
        for place, name in PLACES.items():
            if name in answer.text:
                assert place in cited, f"{_name(answer)} names {name}"


def test_every_number_in_an_answer_stands_in_a_fact_it_cites(library: Library) -> None:
    for answer in library.answers.values():
        known = {number for fact in answer.facts for number in _numbers(library.facts[fact].text)}
        known |= {number for fact in answer.facts for number in _numbers(library.facts[fact].note or "")}
        known |= {number for source in answer.sources if source.dated for number in _numbers(f"{source.dated:%d %Y}")}
        # "mellanstadiet" is years 4 to 6; the fact about them says so in words
        stated = _numbers(answer.text.replace("years 4–6", ""))
        # the rules of 12 and 15 years are the law's, kept in the notes of the facts they correct
        assert stated <= known | {"12", "15"}, _name(answer)


def test_both_languages_state_the_same_numbers(library: Library) -> None:
    for answer in library.answers.values():
        other = library.answers[answer.topic, answer.service, answer.municipality, "en"]
        assert _numbers(answer.text.replace("years 4–6", "")) == _numbers(other.text.replace("years 4–6", ""))


def test_exactly_the_facts_that_differ_from_the_law_carry_a_note(library: Library) -> None:
    assert {fact.id for fact in library.facts.values() if fact.note} == set(CORRECTED)


@pytest.mark.parametrize("fact", sorted(CORRECTED))
def test_an_answer_citing_a_fact_that_differs_from_the_law_gives_the_right_rule(library: Library, fact: str) -> None:
    citing = [answer for answer in library.answers.values() if fact in answer.facts]
    assert citing
    for answer in citing:
        for rule in CORRECTED[fact]:
            assert rule[LANGUAGES.index(answer.language)] in answer.text, _name(answer)


def test_a_court_decides_on_contact_support_and_nobody_is_told_to_apply(library: Library) -> None:
    for language, court in (("sv", "domstol"), ("en", "court")):
        for topic in ("how_to_apply", "who_may_apply", "apply_through", "after_applying", "who_decides", "consent"):
            answer = library.answer(topic, "umgangesstodjare", None, language)
            assert answer is not None
            assert court in answer.text
            assert ("inte att ansöka" in answer.text or "not possible to apply" in answer.text) == ("appl" in topic)


def _numbers(text: str) -> set[str]:
    return {number.lstrip("0") for number in re.findall(r"\d+", text)}


def _name(answer: Answer) -> str:
    return f"{answer.service}/{answer.topic}/{answer.municipality}/{answer.language}: {answer.text}"
