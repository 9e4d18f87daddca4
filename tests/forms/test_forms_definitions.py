"""The definitions themselves: every walk ends, every text keeps the rules, nothing is asked that must not be asked."""

import json
import random
import statistics
import time
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brochures.readability import lix
from forms.answer_types import AnswerError, fits, read, read_choice, show
from forms.conditions import Value
from forms.form import Form, Question
from forms.journey import Journey
from forms.loader import form_from_snapshot, form_to_snapshot, load_forms

FORMS = load_forms()
TODAY = date(2026, 3, 1)
EVERY_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
EVERY_QUESTION = pytest.mark.parametrize(
    ("form", "question"),
    [
        pytest.param(form, question, id=f"{form.id}-{question.slot}")
        for form in FORMS.values()
        for question in form.questions
    ],
)
TYPED = {
    "text": ["Alex Ek", "Sala", "vardagar efter 16"],
    "long_text": ["Vi tycker om skogen.\n\nOch musik."],
    "yes_no": ["ja", "nej tack"],
    "date": ["3 april 2026"],
    "birth_date": ["3/4-14", "2015-01-31"],
    "phone": ["070-174 06 05", "+46701740699"],
    "email": ["alex@example.com"],
    "personnummer": ["20140403-9800"],
    "postcode": ["685 30"],
    "school_year": ["femman", "åk 2", "8"],
}
ROUTES: dict[str, dict[str, list[dict[str, Value]]]] = {
    "intresseanmalan": {
        kind: [{"skyddade_uppgifter": "nej", "uppdrag": kind, "kontaktvag": way} for way in ("telefon", "epost")]
        for kind in (
            *("kontaktperson_barn", "sarskilt_kvalificerad", "kontaktperson_vuxen"),
            *("kontaktfamilj", "umgangesstodjare", "vet_inte"),
        )
    },
    "ansokan_kontaktgrupp": {
        who: [{"skyddade_uppgifter": "nej", "vem_fyller_i": who, "kontaktvag": way} for way in ("telefon", "epost")]
        for who in ("vardnadshavare", "yrkesperson", "barnet", "annan")
    },
    "kontakta_mig": {"alla": [{"skyddade_uppgifter": "nej", "kontaktvag": way} for way in ("telefon", "epost")]},
}


def texts_of(form: Form) -> Iterator[tuple[str, str, str]]:
    """(where, language, text) for everything that a resident or the staff can read."""
    for name in ("title", "purpose", "information", "stop_text", "receipt"):
        yield from ((name, language, text) for language, text in getattr(form, name).items())
    for flag, label in form.flag_labels.items():
        yield from ((flag, language, text) for language, text in label.items())
    for question in form.questions:
        parts = [question.label, question.text, question.hint, question.why]
        parts += [notice.text for notice in question.notices]
        for option in question.options:
            parts += [option.label, option.stop_text]
        for part in parts:
            yield from ((question.slot, language, text) for language, text in (part or {}).items())


def any_answer(question: Question, choose: random.Random, *, language: str = "sv") -> Value:
    """An answer that lets the form go on: skipped, tapped or typed."""
    if not question.required and choose.random() < 0.3:
        return None
    if question.type == "choice":
        return read_choice(question, choose.choice([option.value for option in question.options if not option.stops]))
    if question.type == "multi_choice":
        chosen = choose.sample(question.options, choose.randint(1, len(question.options)))
        typed = ", ".join(str(question.options.index(option) + 1) for option in chosen)
        return read(question, typed, language, TODAY)
    return read(question, choose.choice(TYPED[question.type]), language, TODAY)


def walk(form: Form, choose: random.Random, given_answers: dict[str, Value]) -> dict[str, Value]:
    """Answer question by question until the form is complete, checking each step."""
    answers: dict[str, Value] = {}
    for step in range(1, len(form.questions) + 1):
        journey = Journey(form, answers)
        question = journey.next_question
        assert question is not None
        assert journey.position(question.slot) == (step, journey.total)
        assert journey.answered == step - 1
        assert step <= journey.total <= len(form.questions)
        previous = journey.previous(question.slot)
        assert previous is (journey.path[-2] if step > 1 else None)
        fixed = question.slot in given_answers
        answers[question.slot] = given_answers[question.slot] if fixed else any_answer(question, choose)
        if Journey(form, answers).is_complete:
            return answers
    raise AssertionError(f"{form.id} is not complete after every question has been answered")


@EVERY_FORM
@given(choose=st.randoms(use_true_random=False), language=st.sampled_from(["sv", "en"]))
@settings(max_examples=150, deadline=None)
def test_every_walk_ends_and_is_told_whole(form: Form, choose: random.Random, language: str) -> None:
    answers = walk(form, choose, {})
    noise = {question.slot: any_answer(question, choose) for question in form.questions}
    journey = Journey(form, {**noise, **answers})
    assert journey.is_complete
    assert journey.relevant_answers == answers
    assert (journey.answered, journey.total) == (len(answers), len(answers))
    assert all(show(question, answers[question.slot], language).strip() for question in journey.path)
    assert set(journey.flags) <= set(form.flag_labels)
    again = Journey(form_from_snapshot(json.loads(json.dumps(form_to_snapshot(form)))), json.loads(json.dumps(answers)))
    assert again.is_complete
    assert (again.relevant_answers, again.flags) == (answers, journey.flags)


@EVERY_FORM
@given(choose=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_changing_any_answer_asks_for_what_it_opens_and_nothing_else(form: Form, choose: random.Random) -> None:
    answers = walk(form, choose, {})
    changed = choose.choice(Journey(form, answers).path)
    after = {**answers, changed.slot: any_answer(changed, choose)}
    while (question := Journey(form, after).next_question) is not None:
        assert question.slot not in answers
        after[question.slot] = any_answer(question, choose)
    assert Journey(form, after).is_complete
    untouched = set(Journey(form, after).relevant_answers) & set(answers) - {changed.slot}
    assert all(after[slot] == answers[slot] for slot in untouched)


HOSTILE = [
    "",
    "🙂🙂",
    "\x00\ud800\u202e",
    "A\x00b\ud800c\u202ed\u200b",
    "<script>alert(1)</script>",
    "'; DROP TABLE drafts; --",
    "{{ 7*7 }}{% raw %}",
    "**fet** [länk](javascript:alert(1))",
    "=HYPERLINK(1)",
    "a" * 100_000,
    "31 februari 2014",
    "2099-01-01",
    "070-12",
]


@EVERY_QUESTION
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_kept_literally_or_refused(form: Form, question: Question, text: str) -> None:
    try:
        value = read(question, text, "sv", TODAY)
    except AnswerError:
        return
    assert fits(question, value)
    assert isinstance(value, str)
    assert not set(value) & set("\x00\ud800\u202e\u200b")
    assert question.type in ("text", "long_text") or text in ("31 februari 2014", "2099-01-01", "070-12")


@EVERY_QUESTION
def test_every_option_can_be_typed_in_each_language_and_by_its_number(form: Form, question: Question) -> None:
    for number, option in enumerate(question.options, start=1):
        expected = [option.value] if question.type == "multi_choice" else option.value
        for language in ("sv", "en"):
            for typed in (option.label[language], option.label[language].upper(), str(number)):
                assert read(question, typed, language, TODAY) == expected
        for word in option.words:
            meant = [one for one in question.options if word in one.words or word == one.value]
            if len(meant) > 1:
                with pytest.raises(AnswerError, match=r"answer\.choice\.ambiguous"):
                    read(question, word, "sv", TODAY)
            else:
                assert read(question, word, "sv", TODAY) == expected


@EVERY_QUESTION
def test_every_question_says_why_and_fits_a_telephone(form: Form, question: Question) -> None:
    assert question.why is not None
    for language in ("sv", "en"):
        assert len(question.text[language]) <= 200
        assert question.text[language].endswith("?")
        assert len(question.label[language]) <= 40
        assert all(len(option.label[language]) <= 40 for option in question.options)


@EVERY_QUESTION
def test_a_button_carries_at_most_64_bytes(form: Form, question: Question) -> None:
    for option in question.options:
        assert len(f"a:0123456789:{question.slot}:+{option.value}".encode()) <= 64


@EVERY_FORM
def test_the_first_question_is_the_gate_for_protected_identity(form: Form) -> None:
    gate = form.questions[0]
    assert (gate.slot, gate.when, gate.required) == ("skyddade_uppgifter", None, True)
    assert [option.value for option in gate.options if option.stops] == ["ja"]
    for typed in ("ja", "Ja!", "yes", "japp"):
        journey = Journey(form, {gate.slot: read(gate, typed, "sv", TODAY)})
        assert journey.stopped
        assert journey.stop_text is form.stop_text
    with pytest.raises(AnswerError):
        read(gate, "nej, men min sambo har det", "sv", TODAY)
    for language, phone in (("sv", "växel"), ("en", "switchboard")):
        assert phone in form.stop_text[language]


REQUIRED = {
    "intresseanmalan": {"skyddade_uppgifter", "uppdrag", "namn", "kontaktvag", "telefon", "epost"},
    "ansokan_kontaktgrupp": {
        *("skyddade_uppgifter", "vem_fyller_i", "arende", "barnets_namn", "namn", "kontaktvag", "telefon", "epost"),
    },
    "kontakta_mig": {"skyddade_uppgifter", "kontaktvag", "telefon", "epost"},
}


@EVERY_FORM
def test_only_identity_contact_and_wish_are_required(form: Form) -> None:
    assert {question.slot for question in form.questions if question.required} == REQUIRED[form.id]


@EVERY_FORM
def test_skipping_everything_that_may_be_skipped_completes_the_form_and_flags_it(form: Form) -> None:
    for routes in ROUTES[form.id].values():
        for route in routes:
            answers: dict[str, Value] = {}
            while (question := Journey(form, answers).next_question) is not None:
                first = next((option.value for option in question.options if not option.stops), None)
                value = read_choice(question, first) if first else read(question, TYPED[question.type][0], "sv", TODAY)
                value = route.get(question.slot, value)
                answers[question.slot] = value if question.required else None
            journey = Journey(form, answers)
            skipped = {question.flag_when_skipped for question in journey.path if answers[question.slot] is None}
            assert set(journey.flags) >= skipped - {None}


@pytest.mark.parametrize(
    ("form_id", "telegram"), [("intresseanmalan", 1), ("kontakta_mig", 1), ("ansokan_kontaktgrupp", 0)]
)
def test_applications_stay_out_of_telegram(form_id: str, telegram: int) -> None:
    assert FORMS[form_id].channels.count("telegram") == telegram
    assert {"web", "terminal"} <= set(FORMS[form_id].channels)


NEVER = [
    *(
        "du har rätt till",
        "alltid frivillig",
        "bara vårdnadshavare",
        "båda måste",
        "samtycke",
        "vi kontaktar dina föräldrar",
    ),
    *(
        "when you want",
        "you have the right",
        "consent",
        "radera din ansökan",
        "garanter",
        "inom en vecka",
        "always voluntary",
    ),
]
NEVER_TO_VOLUNTEERS = [
    *(
        "personnummer",
        "brott",
        "straff",
        "dömd",
        "hälsa",
        "sjuk",
        "diagnos",
        "religion",
        "politi",
        "missbruk",
        "medicin",
    ),
    *("crime", "convicted", "health", "illness", "personal identity number", "drugs", "church"),
]


@EVERY_FORM
def test_nothing_is_said_that_the_municipality_has_not_promised(form: Form) -> None:
    for where, _, text in texts_of(form):
        assert [phrase for phrase in NEVER if phrase in text.casefold()] == [], where


@pytest.mark.parametrize("form_id", ["intresseanmalan", "kontakta_mig"])
def test_volunteers_are_never_asked_about_crime_health_faith_or_personnummer(form_id: str) -> None:
    form = FORMS[form_id]
    for where, _, text in texts_of(form):
        assert [word for word in NEVER_TO_VOLUNTEERS if word in text.casefold()] == [], where
    assert not any(question.type == "personnummer" for question in form.questions)


def test_volunteers_hear_that_checks_come_later() -> None:
    assert "Intervju, referenser och registerutdrag kommer senare" in FORMS["intresseanmalan"].information["sv"]


@EVERY_FORM
def test_the_information_covers_what_it_must(form: Form) -> None:
    for word in ("ansvarar", "allmän handling", "sekretess", "hur länge", "få se dem", "rättade", "imy.se", "förrän"):
        assert word in form.information["sv"], word
    for word in ("responsible", "public record", "secrecy", "how long", "ask to see", "corrected", "imy.se", "until"):
        assert word in form.information["en"], word
    assert len(form.information["sv"]) <= 450
    assert len(form.information["en"]) <= 500
    assert all(len(text.splitlines()) <= 4 for text in form.information.values())


@EVERY_FORM
def test_the_swedish_is_easy_to_read(form: Form) -> None:
    swedish = [
        (where, text) for where, language, text in texts_of(form) if language == "sv" and len(text.split()) >= 12
    ]
    hard = [(where, round(lix(text))) for where, text in swedish if lix(text) > 40]
    assert hard == []
    assert lix("\n".join(text for _, language, text in texts_of(form) if language == "sv" and text[-1] in ".?!")) <= 40


def lengths(form_id: str, route: str) -> list[int]:
    choose = random.Random(7)
    return [len(walk(FORMS[form_id], choose, fixed)) for fixed in ROUTES[form_id][route] for _ in range(100)]


@pytest.mark.parametrize(
    ("form_id", "routes", "most"),
    [
        ("intresseanmalan", ["kontaktperson_barn", "sarskilt_kvalificerad", "kontaktperson_vuxen"], 12),
        ("ansokan_kontaktgrupp", ["vardnadshavare"], 15),
        ("ansokan_kontaktgrupp", ["barnet"], 12),
        ("kontakta_mig", ["alla"], 8),
    ],
)
def test_the_forms_are_short(form_id: str, routes: list[str], most: int) -> None:
    assert statistics.median(length for route in routes for length in lengths(form_id, route)) <= most


def test_a_professional_never_gets_more_than_seventeen_questions() -> None:
    assert max(lengths("ansokan_kontaktgrupp", "yrkesperson")) <= 17


@pytest.mark.parametrize(
    ("form_id", "slot", "text", "stored"),
    [
        ("ansokan_kontaktgrupp", "vem_fyller_i", "jag är hans mamma", "vardnadshavare"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "I am her father", "vardnadshavare"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "jag är förälder", "vardnadshavare"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "jag är kurator på skolan", "yrkesperson"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "I'm a teacher", "yrkesperson"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "inte mamma, jag är mormor", "annan"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "det gäller mig själv", "barnet"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "jag är barnet", "barnet"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "ja", "answer.choice.unknown"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "yes", "answer.choice.unknown"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "nej", "answer.choice.unknown"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "mamma slår mig", "answer.choice.unknown"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "mamma är full varje dag", "answer.choice.unknown"),
        ("ansokan_kontaktgrupp", "vem_fyller_i", "jag är lärare och mamma", "answer.choice.ambiguous"),
        ("ansokan_kontaktgrupp", "arende", "hjälp", "answer.choice.unknown"),
        ("ansokan_kontaktgrupp", "arende", "jag är orolig för ett barn i klassen", "oro"),
        ("ansokan_kontaktgrupp", "arende", "vill hjälpa familjen att ansöka", "hjalpa_familjen"),
        ("ansokan_kontaktgrupp", "familjen_vet", "nej, inte än", "nej"),
        (
            "ansokan_kontaktgrupp",
            "behov",
            "han har inga kompisar och vi har dåligt med pengar",
            ["ekonomi", "gemenskap"],
        ),
        ("ansokan_kontaktgrupp", "behov", "he has no friends and is lonely", ["gemenskap", "ensamhet"]),
        ("ansokan_kontaktgrupp", "behov", "jag är ensam och pappa slår mig", "answer.choices.unknown"),
        ("ansokan_kontaktgrupp", "kontaktvag", "ring", "answer.choice.ambiguous"),
        ("ansokan_kontaktgrupp", "kontaktvag", "telefon", "answer.choice.ambiguous"),
        ("ansokan_kontaktgrupp", "kontaktvag", "ring och lämna meddelande", "telefon"),
        ("ansokan_kontaktgrupp", "kontaktvag", "ring, lämna inte meddelande", "ring_utan_meddelande"),
        ("ansokan_kontaktgrupp", "kontaktvag", "mejla mig, ring inte", "epost"),
        ("ansokan_kontaktgrupp", "tolk", "yes arabic", "ja"),
        ("ansokan_kontaktgrupp", "tolk", "vi behöver ingen tolk", "nej"),
        ("ansokan_kontaktgrupp", "tolk", "ja, teckenspråk", "teckentolk"),
        ("kontakta_mig", "kontaktvag", "ring", "answer.choice.ambiguous"),
        ("kontakta_mig", "kontaktvag", "call", "answer.choice.ambiguous"),
        ("kontakta_mig", "kontaktvag", "ring mig på kvällen", "telefon"),
        ("kontakta_mig", "kontaktvag", "ring mig men lämna inte meddelande", "ring_utan_meddelande"),
        ("kontakta_mig", "arende", "det gäller min son", "stod_barn"),
        ("kontakta_mig", "arende", "kan ni hjälpa mig", "answer.choice.unknown"),
        ("intresseanmalan", "kontaktvag", "ring", "telefon"),
        ("intresseanmalan", "uppdrag", "Det vore nog kontaktperson till någon äldre", "kontaktperson_vuxen"),
        ("intresseanmalan", "uppdrag", "jag vill nog hellre vara umgängesstödjare", "umgangesstodjare"),
        ("intresseanmalan", "uppdrag", "kontaktfamilj till ett barn", "kontaktfamilj"),
        ("intresseanmalan", "uppdrag", "jag vill inte vara kontaktfamilj", "answer.choice.unknown"),
        ("intresseanmalan", "uppdrag", "kontaktperson", "answer.choice.ambiguous"),
        ("intresseanmalan", "hushall", "två vuxna med två barn på 4 och 7", "tva_vuxna_barn_hemma"),
        ("intresseanmalan", "hushall", "jag och min man, barnen har flyttat hemifrån", "tva_vuxna_utflugna"),
        ("intresseanmalan", "hushall", "just me and my children", "en_vuxen_med_barn"),
        ("intresseanmalan", "hushall", "jag och min sambo", "answer.choice.ambiguous"),
        ("intresseanmalan", "helger", "en eller två helger", "answer.choice.ambiguous"),
        ("intresseanmalan", "tid", "Ungefär en gång i veckan kanske", "en_gang_i_veckan"),
        ("intresseanmalan", "tid", "en gång i månaden", "answer.choice.unknown"),
        ("intresseanmalan", "om_dig", "Jag har hund och körkort", ["korkort", "husdjur"]),
        ("intresseanmalan", "om_dig", "hund, körkort och vi pratar spanska", ["korkort", "husdjur", "fler_sprak"]),
        ("intresseanmalan", "om_dig", "hund men inte körkort", ["husdjur"]),
        ("intresseanmalan", "onskad_alder", "mellan 7 och 12", ["fran_7_till_12"]),
    ],
)
def test_sentences_are_understood_as_people_write_them(form_id: str, slot: str, text: str, stored: Value) -> None:
    question = FORMS[form_id].question(slot)
    assert question is not None
    try:
        given: Value = read(question, text, "sv", TODAY)
    except AnswerError as error:
        given = error.key
    assert given == stored


@pytest.mark.parametrize(
    ("who", "answer", "stopped"),
    [
        ("yrkesperson", "oro", True),
        ("annan", "jag är orolig", True),
        ("annan", "oro", True),
        ("yrkesperson", "hjälpa", False),
    ],
)
def test_concern_for_a_child_leaves_the_application(who: str, answer: str, stopped: bool) -> None:
    form = FORMS["ansokan_kontaktgrupp"]
    answers: dict[str, Value] = {"skyddade_uppgifter": "nej", "vem_fyller_i": who}
    question = Journey(form, answers).next_question
    assert question is not None
    assert question.slot == "arende"
    journey = Journey(form, {**answers, "arende": read(question, answer, "sv", TODAY)})
    assert journey.stopped is stopped
    assert ("112" in (journey.stop_text or {"sv": ""})["sv"]) is stopped


def test_the_way_to_report_concern_says_what_matters() -> None:
    question = FORMS["ansokan_kontaktgrupp"].question("arende")
    assert question is not None
    texts = next(option.stop_text for option in question.options if option.stops) or {}
    for said in ("genast", "Du behöver inte vara säker", "Kväll och helg: ring 112 och be om socialjouren"):
        assert said in texts["sv"]
    for said in ("at once", "You do not need to be sure", "call 112 and ask for the emergency social services"):
        assert said in texts["en"]


def test_a_child_who_writes_is_met_gently_and_asked_about_itself() -> None:
    form = FORMS["ansokan_kontaktgrupp"]
    for seed, route in enumerate(ROUTES["ansokan_kontaktgrupp"]["barnet"] * 20):
        answers = walk(form, random.Random(seed), route)
        assert not set(answers) & {
            *("arende", "familjen_vet", "roll", "vardnadshavare", "vardnadshavare_telefon", "barnets_namn"),
            *("barnets_personnummer", "barnets_fodelsedatum", "kontakt_nu", "hamtning"),
        }
        assert {"namn", "eget_fodelsedatum", "arskurs", "skola", "behov"} <= set(answers)
        journey = Journey(form, answers)
        assert "barnet_soker_sjalv" in journey.flags
        (notice,) = journey.notices("vem_fyller_i")
        assert "inte ha frågat hemma först" in notice["sv"]
        assert "asked at home first" in notice["en"]
        for question in journey.path[2:]:
            for text in (question.text, question.hint or {}):
                assert "barnet" not in text.get("sv", "").casefold()
                assert "the child" not in text.get("en", "").casefold()


@pytest.mark.parametrize(
    ("who", "told"), [("vardnadshavare", True), ("barnet", True), ("yrkesperson", False), ("annan", False)]
)
def test_an_address_that_others_read_matters_at_home(who: str, told: bool) -> None:
    answers = walk(FORMS["ansokan_kontaktgrupp"], random.Random(3), ROUTES["ansokan_kontaktgrupp"][who][1])
    notices = Journey(FORMS["ansokan_kontaktgrupp"], answers).notices("kontaktvag")
    assert [notice["sv"] for notice in notices] == (["Skriv en adress som bara du läser."] if told else [])


def test_somebody_who_has_not_asked_the_family_hears_to_do_so() -> None:
    fixed = {**ROUTES["ansokan_kontaktgrupp"]["yrkesperson"][0], "familjen_vet": "nej"}
    journey = Journey(FORMS["ansokan_kontaktgrupp"], walk(FORMS["ansokan_kontaktgrupp"], random.Random(4), fixed))
    (notice,) = journey.notices("familjen_vet")
    for said in ("tillsammans med familjen", "Tystnadsplikt", "orosanmälan"):
        assert said in notice["sv"]
    assert "familjen_vet_inte" in journey.flags


def test_an_application_promises_no_place() -> None:
    form = FORMS["ansokan_kontaktgrupp"]
    assert "betyder inte att det säkert blir en plats" in form.purpose["sv"]
    assert "är inte en plats" in form.receipt["sv"]
    for texts in (form.purpose, form.receipt):
        assert "kö" in texts["sv"]
        assert "queue" in texts["en"]
        assert "plats i kön" not in texts["sv"]


@pytest.mark.parametrize(("year", "outside"), [("3", True), ("4", False), ("6", False), ("7", True), ("0", True)])
def test_a_child_outside_the_middle_years_may_apply_and_is_flagged(year: str, outside: bool) -> None:
    form = FORMS["ansokan_kontaktgrupp"]
    fixed = {**ROUTES["ansokan_kontaktgrupp"]["vardnadshavare"][0], "arskurs": year}
    journey = Journey(form, walk(form, random.Random(1), fixed))
    assert journey.is_complete
    assert ("barn_utanfor_alder" in journey.flags) is outside
    assert bool(journey.notices("arskurs")) is outside


def test_a_guardian_is_not_asked_what_only_professionals_are_asked() -> None:
    form = FORMS["ansokan_kontaktgrupp"]
    answers = walk(form, random.Random(2), ROUTES["ansokan_kontaktgrupp"]["vardnadshavare"][0])
    assert not {"arende", "familjen_vet", "roll", "vardnadshavare", "vardnadshavare_telefon"} & set(answers)


def test_services_lead_to_the_assignment_they_are() -> None:
    question = FORMS["intresseanmalan"].question("uppdrag")
    assert question is not None
    services = {service: option.value for option in question.options for service in option.services}
    assert services == {
        "kontaktperson": "kontaktperson_barn",
        "sarskilt_kvalificerad_kontaktperson": "sarskilt_kvalificerad",
        "kontaktperson_vuxen": "kontaktperson_vuxen",
        "kontaktfamilj": "kontaktfamilj",
        "umgangesstodjare": "umgangesstodjare",
    }


def test_the_definitions_load_quickly() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        load_forms()
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.15
