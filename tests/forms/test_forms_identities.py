"""Which answers are names and identity numbers: in each of our forms, and in a form of its own."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms.form import Form, Question
from forms.identities import Identities, identities_in, is_name, number_in, split_names
from forms.loader import form_from_snapshot, form_to_snapshot

TODAY = date(2026, 11, 22)
NAMES = {
    "ansokan_kontaktfamilj": {"barnets_namn", "andra_vh_namn", "namn", "vardnadshavare"},
    "ansokan_kontaktgrupp": {"barnets_namn", "andra_vh_namn", "namn", "vardnadshavare"},
    "ansokan_kontaktperson": {"barnets_namn", "andra_vh_namn", "den_vuxnas_namn", "namn", "vardnadshavare"},
    "intresseanmalan": {"namn"},
    "kontakta_mig": {"namn"},
}
NO_NAMES = {"onskemal", "tolksprak", "roll", "basta_tid", "skola", "djur", "sprak", "bostadsort"}
"""Every other text: a new one belongs in one of the two."""


def test_every_text_of_every_form_is_a_name_or_none(forms: dict[str, Form]) -> None:
    assert {id: {one.slot for one in form.questions if is_name(one)} for id, form in forms.items()} == NAMES
    texts = {one.slot for form in forms.values() for one in form.questions if one.type == "text" and not is_name(one)}
    assert texts == NO_NAMES


def test_names_and_numbers_are_those_of_the_answers_and_nothing_else(forms: dict[str, Form]) -> None:
    answers = {
        "vem_fyller_i": "yrkesperson",
        "barnets_namn": "Alva Öberg",
        "barnets_personnummer": "201203019805",
        "behov_egna_ord": "Bo Ek hjälper till, 198001019802",
        "onskemal": "Kim Lund",
        "andra_vh_namn": None,
        "namn": "Kim Kurator",
        "telefon": "+46701740605",
        "vardnadshavare": "Anna och Bo Ek",
        "somebody_elses": "Åke Öberg",
    }
    found = identities_in(forms["ansokan_kontaktfamilj"], answers)
    assert found == Identities(("Alva Öberg", "Kim Kurator", "Anna", "Bo Ek"), ("201203019805",))


def test_the_stored_form_tells_the_same(forms: dict[str, Form]) -> None:
    answers = {"barnets_namn": "Alva", "barnets_personnummer": "201203019805", "namn": "Bo", "godkanns_av": "Åsa"}
    for form in forms.values():
        kept = form_from_snapshot(form_to_snapshot(form))
        assert identities_in(kept, answers) == identities_in(form, answers)


def test_a_name_by_its_fact_or_its_slot(forms: dict[str, Form]) -> None:
    question = next(one for one in forms["kontakta_mig"].questions if one.slot == "namn")
    for changed, name in [
        (replace(question, fact=None), True),
        (replace(question, slot="godkanns_av"), True),
        (replace(question, slot="roll", fact=None), False),
        (replace(question, slot="kusinens_namn", fact=None), True),
        (replace(question, slot="namnsdag", fact=None), False),
        (replace(question, type="long_text"), False),
        (replace(question, slot="skola", fact="child_school"), False),
    ]:
        assert is_name(changed) is name, changed


def test_answers_of_another_shape_are_nobody(forms: dict[str, Form]) -> None:
    form = forms["ansokan_kontaktfamilj"]
    assert identities_in(form, {}) == Identities()
    assert identities_in(form, {"namn": ["Bo"], "barnets_namn": 7, "barnets_personnummer": None}) == Identities()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Anna Ek", ["Anna Ek"]),
        ("Anna och Bo Ek", ["Anna", "Bo Ek"]),
        ("Anna Ek, Bo Ek", ["Anna Ek", "Bo Ek"]),
        ("Anna & Bo/Kim", ["Anna", "Bo", "Kim"]),
        ("Anna AND Bo", ["Anna", "Bo"]),
        ("Ochoa Sando", ["Ochoa Sando"]),
        (" , ", []),
    ],
)
def test_names_in_one_answer_are_told_apart(text: str, names: list[str]) -> None:
    assert split_names(text) == names


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("201203019805", "201203019805"),
        ("20120301-9805", "201203019805"),
        ("120301-9805", "201203019805"),
        (" 1203019805 ", "201203019805"),
        ("120301–9805", "201203019805"),
        ("20120361-9802", "201203619802"),
        ("120301-9806", None),
        ("20120301", None),
        ("Alva 120301-9805", None),
        ("070-174 06 05", None),
        ("AB2CDE3F", None),
        ("", None),
        ("1" * 5000, None),
    ],
)
def test_a_number_is_the_same_twelve_digits_however_it_is_typed(text: str, number: str | None) -> None:
    assert number_in(text, TODAY) == number


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_none(text: str) -> None:
    found = number_in(text, TODAY)
    assert found is None or (len(found) == 12 and found.isdecimal() and found.isascii())


def test_an_older_person_is_told_by_the_sign_or_the_century() -> None:
    assert number_in("230301+9806", TODAY) == number_in("192303019806", TODAY)
    question = Question("fnr", "personnummer", {"sv": "x"}, {"sv": "x"})
    assert question.type == "personnummer" and not is_name(question)
