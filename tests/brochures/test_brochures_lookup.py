"""Finding answers: the municipality's own first, else the general one, else nothing; and the contact details."""

from dataclasses import FrozenInstanceError
from datetime import date

import pytest

from brochures.lookup import Library

KP, VUXEN, SKKP = "kontaktperson", "kontaktperson_vuxen", "sarskilt_kvalificerad_kontaktperson"
FAMILJ, GRUPP, UMGANGE, ALLMANT = "kontaktfamilj", "kontaktgrupp", "umgangesstodjare", "allmant"
GOTENE, KRAMFORS, SALA, VINGAKER, NATIONAL = (
    "Götene kommun",
    "Kramfors kommun",
    "Sala kommun",
    "Vingåkers kommun",
    "Socialstyrelsen",
)

FOUND = [
    # topic, service, municipality, language, words of the answer, publishers of its sources
    ("cost", GRUPP, "vingaker", "sv", ["kostar inget", "Vingåker"], {VINGAKER}),
    ("cost", GRUPP, "sala", "sv", ["I Vingåker kostar det inget", "annan kommun"], {VINGAKER}),
    ("cost", ALLMANT, None, "sv", ["Vingåker är gratis", "Fråga din kommun"], {VINGAKER}),
    ("age", GRUPP, None, "sv", ["mellanstadiet", "Vingåker"], {VINGAKER}),
    ("queue", GRUPP, None, "sv", ["tio platser", "står inte i foldern"], {VINGAKER}),
    ("pick_up", GRUPP, "vingaker", "sv", ["Ledarna", "varje gång"], {VINGAKER}),
    ("group_leaders", GRUPP, None, "sv", ["Två vuxna", "anställda av socialtjänsten"], {VINGAKER}),
    ("apply_through", GRUPP, None, "sv", ["kuratorn", "skolsköterskan"], {VINGAKER}),
    ("after_applying", GRUPP, None, "en", ["waiting list"], {VINGAKER}),
    ("consent", GRUPP, None, "sv", ["Vingåker skriver", "fyllt 12", "inte är överens"], {VINGAKER}),
    ("how_often", GRUPP, "vingaker", "sv", ["varannan vecka"], {VINGAKER}),
    ("how_often", KP, "gotene", "sv", ["timme varannan vecka", "flera gånger i veckan"], {GOTENE}),
    ("how_often", KP, "kramfors", "sv", ["ett par gånger i veckan"], {KRAMFORS}),
    ("how_often", KP, "sala", "sv", ["någon gång i veckan"], {SALA}),
    ("how_often", KP, "vingaker", "sv", ["beror på", "Götene", "Kramfors", "Sala"], {GOTENE, KRAMFORS, SALA, NATIONAL}),
    ("how_often", KP, "annan", "en", ["depends", "Götene", "Kramfors"], {GOTENE, KRAMFORS, SALA, NATIONAL}),
    ("how_often", KP, None, "sv", ["beror på", "Socialstyrelsen"], {GOTENE, KRAMFORS, SALA, NATIONAL}),
    ("how_long", KP, "gotene", "sv", ["halvår till flera år"], {GOTENE}),
    ("how_long", KP, "sala", "sv", ["Götene", "några månader"], {GOTENE, NATIONAL}),
    ("age", KP, "kramfors", "sv", ["13", "3–12", "kontaktfamilj"], {KRAMFORS}),
    ("age", KP, None, "sv", ["fyllt 15", "fyllt 12", "yngre"], {KRAMFORS, GOTENE}),
    ("age", KP, "gotene", "sv", ["I Götene", "fyllt 15", "yngre", "fyllt 12", "andra kommuner"], {GOTENE}),
    ("who_may_apply", KP, "gotene", "sv", ["räcker att du har fyllt 15", "fyllt 12"], {GOTENE}),
    ("consent", KP, "sala", "sv", ["särskilt kvalificerad", "fyllt 12"], {SALA}),
    ("consent", KP, None, "en", ["Götene writes", "turned 12"], {GOTENE, SALA}),
    ("consent", SKKP, None, "sv", ["utses även om", "inte har sagt ja"], {SALA, NATIONAL}),
    ("secrecy", KP, None, "sv", ["tystnadsplikt", "barnets föräldrar"], {NATIONAL}),
    ("pay", KP, "kramfors", "sv", ["skattar på arvodet", "avtal"], {KRAMFORS}),
    ("pay", KP, "sala", "sv", ["viss ersättning"], {SALA}),
    ("training", KP, "sala", "sv", ["Sala", "utbildning"], {SALA}),
    ("requirements", KP, None, "sv", ["inga bestämda krav"], {NATIONAL, SALA}),
    ("requirements", SKKP, None, "sv", ["högre"], {NATIONAL}),
    ("age", FAMILJ, "gotene", "sv", ["I Kramfors", "3–12", "andra kommuner"], {KRAMFORS}),
    ("age", FAMILJ, "kramfors", "en", ["3–12"], {KRAMFORS}),
    ("household", FAMILJ, None, "sv", ["en eller två vuxna", "en vuxen"], {KRAMFORS}),
    ("how_to_apply", FAMILJ, None, "sv", ["socialtjänsten", "vill veta mer", "utredning"], {KRAMFORS}),
    ("siblings", FAMILJ, None, "sv", ["fler än ett barn"], {KRAMFORS}),
    ("substance_use", VUXEN, None, "sv", ["Sala", "missbruk"], {SALA}),
    ("who_gets", VUXEN, "kramfors", "sv", ["vuxna och äldre"], {KRAMFORS, SALA}),
    ("how_to_apply", UMGANGE, None, "sv", ["domstol", "Familjerätten"], {KRAMFORS}),
    ("what_is", ALLMANT, None, "sv", ["kontaktperson", "kontaktfamilj", "kontaktgrupp", "umgängesstödjare"],
     {NATIONAL, KRAMFORS, VINGAKER}),
    ("contact_ways", ALLMANT, "sala", "sv", ["0224-74 70 00", "vardomsorg@sala.se"], {SALA}),
    ("contact_ways", ALLMANT, "kramfors", "sv", ["kramfors.se"], {KRAMFORS}),
    ("contact_ways", ALLMANT, "vingaker", "sv", ["vingaker.se"], {VINGAKER}),
    ("contact_ways", ALLMANT, "gotene", "sv", ["gotene.se"], {GOTENE}),
    ("interest_register", KP, "sala", "sv", ["e-tjänst", "0224-74 70 00"], {SALA}),
]  # fmt: skip

SILENT = [
    # the brochures say nothing here, and neither do we
    ("cost", KP, None),
    ("cost", FAMILJ, "kramfors"),
    ("who_may_apply", FAMILJ, None),
    ("pay", UMGANGE, "kramfors"),
    ("secrecy", FAMILJ, None),
    ("queue", KP, "vingaker"),
    ("pick_up", KP, None),
    ("how_long", GRUPP, "vingaker"),
    ("age", SKKP, None),
    ("what_is", "hemtjanst", None),
    ("weather", KP, None),
]


@pytest.mark.parametrize(("topic", "service", "municipality", "language", "words", "publishers"), FOUND)
def test_the_answer_for_a_municipality(
    library: Library,
    topic: str,
    service: str,
    municipality: str | None,
    language: str,
    words: list[str],
    publishers: set[str],
) -> None:
    answer = library.answer(topic, service, municipality, language)
    assert answer is not None
    assert (answer.topic, answer.service, answer.language) == (topic, service, language)
    assert [word for word in words if word not in answer.text] == []
    assert {source.publisher for source in answer.sources} == publishers
    assert answer.municipality in (municipality, None)


@pytest.mark.parametrize(("topic", "service", "municipality"), SILENT)
def test_where_the_brochures_are_silent_there_is_no_answer(
    library: Library, topic: str, service: str, municipality: str | None
) -> None:
    assert library.answer(topic, service, municipality, "sv") is None


def test_the_source_line_is_in_the_language_of_the_answer(library: Library) -> None:
    labels = {}
    for language in ("sv", "en"):
        answer = library.answer("cost", GRUPP, "vingaker", language)
        assert answer is not None
        labels[language] = answer.sources[0].label
    assert labels["sv"] == "Vingåkers kommun, foldern om kontaktgrupp"
    assert labels["en"].startswith("Vingåker municipality, leaflet")


def test_a_language_we_do_not_write_gets_the_swedish_answer_and_says_so(library: Library) -> None:
    answer = library.answer("cost", GRUPP, None, "fi")
    assert answer == library.answer("cost", GRUPP, None, "sv")
    assert answer is not None
    assert answer.language == "sv"
    assert library.question_label("cost", KP, "fi") == "Vad kostar det?"


def test_services_and_topics_with_answers_in_the_order_people_see_them(library: Library) -> None:
    assert library.services_for("group_leaders") == (GRUPP,)
    assert library.services_for("household") == (FAMILJ,)
    assert library.services_for("what_is") == (KP, VUXEN, SKKP, FAMILJ, GRUPP, UMGANGE, ALLMANT)
    assert library.services_for("weather") == ()
    assert library.topics_for("hemtjanst") == ()
    assert library.topics_for(UMGANGE)[:3] == ("what_is", "why", "who_gets")
    assert set(library.topics_for(ALLMANT)) <= set(library.vocabulary.topics)


def test_every_topic_has_an_answer_for_some_service(library: Library) -> None:
    assert [topic for topic in library.vocabulary.topics if not library.services_for(topic)] == []


def test_names_and_button_labels(library: Library) -> None:
    assert library.service_label(KP, "sv") == "Kontaktperson för barn och unga"
    assert library.service_label(UMGANGE, "en") == "Visit supporter"
    assert library.topic_label("cost", "en") == "What it costs"
    assert library.question_label("cost", FAMILJ, "sv") == "Vad kostar det?"
    assert library.question_label("what_is", GRUPP, "sv") == "Vad är en kontaktgrupp?"
    for ask in (
        lambda: library.topic_label("weather", "sv"),
        lambda: library.service_label("hemtjanst", "sv"),
        lambda: library.question_label("weather", KP, "sv"),
        lambda: library.municipality("stockholm"),
    ):
        with pytest.raises(KeyError):
            ask()


def test_the_municipalities_and_what_we_know_of_them(library: Library) -> None:
    known = {place.id: (place.name, place.website, place.phone, place.email) for place in library.municipalities}
    assert list(known) == ["gotene", "kramfors", "sala", "vingaker", "annan"]
    assert known["gotene"] == ("Götene kommun", "https://www.gotene.se", None, None)
    assert known["sala"] == ("Sala kommun", "https://www.sala.se", "0224-74 70 00", "vardomsorg@sala.se")
    assert known["annan"] == ("Annan kommun", None, None, None)
    sala = library.municipality("sala")
    assert (sala.checked, sala.dated, sala.brochure) == (None, date(2023, 12, 12), "sala_intresseanmalan")
    assert sala.contact_names == {
        "sv": "kommunens växel, fråga efter Familjehemsteamet",
        "en": "the municipality's switchboard, ask for Familjehemsteamet",
    }
    assert sala.contact_name == "kommunens växel, fråga efter Familjehemsteamet"
    gotene = library.municipality("gotene")
    assert (gotene.checked, gotene.dated) == (date(2026, 11, 21), None)
    assert (gotene.contact_names, gotene.contact_name) == (None, None)


def test_a_municipality_is_named_in_both_languages(library: Library) -> None:
    assert {place.id: (place.names["sv"], place.names["en"]) for place in library.municipalities} == {
        "gotene": ("Götene kommun", "Götene municipality"),
        "kramfors": ("Kramfors kommun", "Kramfors municipality"),
        "sala": ("Sala kommun", "Sala municipality"),
        "vingaker": ("Vingåkers kommun", "Vingåker municipality"),
        "annan": ("Annan kommun", "Another municipality"),
    }


def test_a_municipality_takes_applications_for_what_its_brochure_describes(library: Library) -> None:
    assert {place.id: place.forms for place in library.municipalities} == {
        "gotene": ("intresseanmalan", "ansokan_kontaktperson", "kontakta_mig"),
        "kramfors": ("intresseanmalan", "ansokan_kontaktperson", "ansokan_kontaktfamilj", "kontakta_mig"),
        "sala": ("intresseanmalan", "ansokan_kontaktperson", "kontakta_mig"),
        "vingaker": ("intresseanmalan", "ansokan_kontaktgrupp", "kontakta_mig"),
        "annan": (),
    }


def test_a_municipality_has_no_phone_that_no_brochure_states(library: Library) -> None:
    for place in library.municipalities:
        if place.phone or place.email:
            assert place.brochure is not None
            stated = " ".join(fact.text for fact in library.brochures[place.brochure].facts)
            assert place.phone is None or place.phone in stated
            assert place.email is None or place.email in stated


@pytest.mark.parametrize("municipality", [None, "gotene", "sala", "annan", "stockholm"])
def test_emergency_lines_are_there_whatever_the_municipality(library: Library, municipality: str | None) -> None:
    numbers = {line.id: line.number for line in library.emergency(municipality)}
    assert numbers == {
        "sos": "112",
        "socialjour": "112",
        "bris": "116 111",
        "kvinnofridslinjen": "020-50 50 50",
        "sjalvmordslinjen": "90101",
        "vard_1177": "1177",
    }
    assert next(iter(numbers)) == "sos"
    for line in library.emergency(municipality):
        assert line.checked >= date(2026, 11, 21)


def test_what_is_loaded_cannot_be_changed(library: Library) -> None:
    answer = library.answer("cost", GRUPP, None, "sv")
    assert answer is not None
    with pytest.raises(FrozenInstanceError):
        answer.text = "Det kostar 100 kronor."  # type: ignore[misc]
    for mapping in (library.answers, library.brochures, library.facts, library.vocabulary.topics):
        with pytest.raises(TypeError):
            mapping["new"] = None  # type: ignore[index]
