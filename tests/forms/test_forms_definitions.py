"""The definitions themselves: every walk ends, every text keeps the rules, nothing is asked that must not be asked."""

import json
import random
import statistics
import time

import pytest
from filled_forms import FORMS, ROUTES, TODAY, TYPED, any_answer, lengths, texts_of, walk
from hypothesis import given, settings
from hypothesis import strategies as st

from brochures.readability import lix
from forms.answer_types import AnswerError, fits, read, read_choice, show
from forms.conditions import Value
from forms.form import Form, Question
from forms.journey import Journey
from forms.loader import form_from_snapshot, form_to_snapshot, load_forms

EVERY_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
EVERY_QUESTION = pytest.mark.parametrize(
    ("form", "question"),
    [
        pytest.param(form, question, id=f"{form.id}-{question.slot}")
        for form in FORMS.values()
        for question in form.questions
    ],
)


@EVERY_FORM
@given(choose=st.randoms(use_true_random=False), language=st.sampled_from(["sv", "en"]))
@settings(max_examples=100, deadline=None)
def test_every_walk_ends_and_is_told_whole(form: Form, choose: random.Random, language: str) -> None:
    answers = walk(form, choose, {})
    noise = {question.slot: any_answer(question, choose) for question in form.questions}
    journey = Journey(form, {**noise, **answers}, TODAY)
    assert journey.is_complete
    assert journey.relevant_answers == answers
    assert (journey.answered, journey.total) == (len(answers), len(answers))
    assert all(show(question, answers[question.slot], language).strip() for question in journey.path)
    assert set(journey.flags) <= set(form.flag_labels)
    stored = form_from_snapshot(json.loads(json.dumps(form_to_snapshot(form))))
    assert stored == form
    again = Journey(stored, json.loads(json.dumps(answers)), TODAY)
    assert again.is_complete
    assert (again.relevant_answers, again.flags) == (answers, journey.flags)


@EVERY_FORM
@given(choose=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_changing_any_answer_asks_for_what_it_opens_and_nothing_else(form: Form, choose: random.Random) -> None:
    answers = walk(form, choose, {})
    changed = choose.choice(Journey(form, answers, TODAY).path)
    after = {**answers, changed.slot: any_answer(changed, choose)}
    while (question := Journey(form, after, TODAY).next_question) is not None:
        assert question.slot not in answers
        after[question.slot] = any_answer(question, choose)
    assert Journey(form, after, TODAY).is_complete
    untouched = set(Journey(form, after, TODAY).relevant_answers) & set(answers) - {changed.slot}
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


CONTACT = {"skyddade_uppgifter", "namn", "kontaktvag", "telefon", "epost"}
REQUIRED = {
    "intresseanmalan": {*CONTACT, "uppdrag"},
    "ansokan_kontaktperson": {*CONTACT, "vem_fyller_i", "arende", "barnets_namn", "den_vuxnas_namn"},
    "ansokan_kontaktfamilj": {*CONTACT, "vem_fyller_i", "arende", "barnets_namn"},
    "ansokan_kontaktgrupp": {*CONTACT, "vem_fyller_i", "arende", "barnets_namn"},
    "kontakta_mig": CONTACT - {"namn"},
}


@EVERY_FORM
def test_only_identity_contact_and_wish_are_required(form: Form) -> None:
    assert {question.slot for question in form.questions if question.required} == REQUIRED[form.id]


@EVERY_FORM
def test_skipping_everything_that_may_be_skipped_completes_the_form_and_flags_it(form: Form) -> None:
    for routes in ROUTES[form.id].values():
        for route in routes:
            answers: dict[str, Value] = {}
            while (question := Journey(form, answers, TODAY).next_question) is not None:
                first = next((option.value for option in question.options if not option.stops), None)
                value = read_choice(question, first) if first else read(question, TYPED[question.type][0], "sv", TODAY)
                value = route.get(question.slot, value)
                answers[question.slot] = value if question.required else None
            journey = Journey(form, answers, TODAY)
            skipped = {question.flag_when_skipped for question in journey.path if answers[question.slot] is None}
            assert set(journey.flags) >= skipped - {None}


@EVERY_FORM
def test_applications_stay_out_of_telegram(form: Form) -> None:
    assert ("telegram" in form.channels) is not form.id.startswith("ansokan_")
    assert {"web", "terminal"} <= set(form.channels)


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


LIMITS = {"intresseanmalan": 12, "kontakta_mig": 8, "ansokan": 15}
LONGER = {
    *(("intresseanmalan", "kontaktfamilj"), ("ansokan_kontaktperson", "narstaende_vuxen")),
    *(("ansokan_kontaktperson", "yrkesperson"), ("ansokan_kontaktfamilj", "yrkesperson")),
    *(("ansokan_kontaktgrupp", "yrkesperson"), ("ansokan_kontaktgrupp", "annan")),
}
"""Who is asked more: those who write about somebody else, in their work or as a relative, and families about a home."""


@pytest.mark.parametrize(("form_id", "route"), [(form_id, route) for form_id in ROUTES for route in ROUTES[form_id]])
def test_every_form_is_short_for_whoever_fills_it_in(form_id: str, route: str) -> None:
    counted = lengths(form_id, route)
    limit = next(most for start, most in LIMITS.items() if form_id.startswith(start))
    assert statistics.median(counted) <= limit + (4 if (form_id, route) in LONGER else 0)
    assert max(counted) <= limit + 7


@EVERY_FORM
def test_what_concerns_one_child_is_asked_anew_for_a_sibling(form: Form) -> None:
    if not form.id.startswith("ansokan_"):
        assert not any(question.about_child for question in form.questions)
        return
    about_child = {question.slot for question in form.questions if question.about_child}
    assert {"barnets_namn", "barnets_personnummer", "barnets_fodelsedatum", "behov", "barnets_rost"} <= about_child
    reused = {question.slot for question in form.questions} - about_child
    assert {*CONTACT, "vem_fyller_i", "basta_tid", "tolksprak", "roll"} <= reused


@EVERY_FORM
def test_slots_that_forms_share_mean_the_same(form: Form) -> None:
    for other in FORMS.values():
        for question in other.questions:
            mine = form.question(question.slot)
            if mine is None or question.slot in ("arende", "om_dig", "tid"):
                continue
            assert (mine.type, mine.fact) == (question.type, question.fact), question.slot
            assert mine.about_child == question.about_child or question.slot == "eget_fodelsedatum", question.slot


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
    """In seconds of the processor, so that what else the machine does is not counted."""

    def seconds() -> float:
        start = time.process_time()
        load_forms()
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.2
