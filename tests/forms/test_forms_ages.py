"""Ages and birth dates: as people write them, what is said when something is missing, and how they decide the way."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms.ages import NUMBERS, age_on, years_between
from forms.answer_types import AnswerError, fits, read, show
from forms.conditions import Condition, holds
from forms.form import Form, Notice, Option, Question
from forms.journey import Journey
from forms.reachability import dead_ends_in

TODAY = date(2026, 3, 1)
BOTH = {"sv": "Svar", "en": "Answer"}


def question(answer_type: str, slot: str = "svar", **more: object) -> Question:
    return Question(slot, answer_type, BOTH, BOTH, **more)


def answer(answer_type: str, text: str, today: date = TODAY, language: str = "sv") -> object:
    """What is stored, or (key, what the sentence is filled in with)."""
    try:
        return read(question(answer_type), text, language, today)
    except AnswerError as error:
        return error.key, *error.params.values()


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        *[(said, "9") for said in ("9", "nio", "hon är nio", "9 år", "nioåring", "en 9-åring", "9-årig", "NIO ÅR.")],
        *[(said, "9") for said in ("9 och ett halvt", "9 år och 3 månader", "nine", "She is nine years old", "aged 9")],
        *[
            (said, "9")
            for said in ("fyller tio", "snart tio", "fyller tio i maj", "fyller 10 i februari", "almost ten")
        ],
        ("vår son är tolv år gammal", "12"),
        ("sex", "6"),
        ("ett år", "1"),
        ("en ettåring", "1"),
        ("6 månader", "0"),
        ("18 månader", "1"),
        ("0", "0"),
        ("120", "120"),
        ("fyller tio i mars", "answer.age.unclear"),
        ("tio i maj", "answer.age.unclear"),
        ("3 april", "answer.age.unclear"),
        *[
            (said, "answer.age.invalid")
            for said in ("121", "1000", "vet inte", "född -14", "9 och 11", "hon går i trean")
        ],
        *[(said, "answer.age.invalid") for said in ("mellan 9 och 10", "2014", "<b>9</b> barn till", "a" * 500)],
    ],
)
def test_an_age_is_read_as_people_write_it(text: str, stored: str) -> None:
    found = answer("age", text)
    assert (found if isinstance(found, str) else found[0]) == stored  # type: ignore[index]


@given(st.integers(0, 120), st.sampled_from(["{}", "{} år", "hon är {} år", "{} years old", "{}-åring", "Jag är {}."]))
def test_every_age_in_digits_is_read(years: int, pattern: str) -> None:
    assert answer("age", pattern.format(years)) == str(years)
    assert fits(question("age"), str(years))


@pytest.mark.parametrize("word", sorted(NUMBERS))
def test_every_age_in_letters_is_read_and_shown(word: str) -> None:
    stored = answer("age", f"{word} ar")
    assert stored == str(NUMBERS[word])
    for language, unit in (("sv", "år"), ("en", "years")):
        shown = show(question("age"), str(stored), language)
        assert shown == f"{stored} {unit}"
        assert answer("age", shown, language=language) == stored


@pytest.mark.parametrize("value", ["-1", "121", "09", "nio", "9 år", "", "²"])
def test_what_is_no_stored_age_is_asked_again(value: str) -> None:
    assert not fits(question("age"), value)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        *[(said, "2014-04-03") for said in ("3/4-14", "3 april 2014", "född 3/4 -14", "den 3:e april 2014", "140403")],
        ("fyller tio den 3 maj", "2016-05-03"),
        ("hon fyller 10 år 3 maj", "2016-05-03"),
        ("fyller tio 3/5", "2016-05-03"),
        ("turns ten on May 3", "2016-05-03"),
        ("fyller 10 3 februari", "2017-02-03"),
        ("fyller tio den 1 mars", "2016-03-01"),
        ("han blev nio 14/2", "2017-02-14"),
        ("han fyllde nio den 14 april", "2016-04-14"),
        ("fyllde nio den 1 mars", "2017-03-01"),
        ("fyller tio i maj", ("answer.date.no_day", "maj 2016")),
        ("hon fyller 10 i mars", ("answer.date.no_day", "mars 2016")),
        ("fyllde nio i januari", ("answer.date.no_day", "januari 2017")),
        ("april 2014", ("answer.date.no_day", "april 2014")),
        ("född i april -14", ("answer.date.no_day", "april 2014")),
        *[(said, ("answer.birth_date.only_year",)) for said in ("född -14", "född 2014", "-14", "2014", "född år 14")],
        *[(said, ("answer.birth_date.age",)) for said in ("nio", "hon är nio", "9 år", "snart tio", "tioåring")],
        ("3 april", ("answer.date.no_year",)),
        ("fyller nio den 29 februari", ("answer.date.impossible", "29 februari 2018")),
        *[
            (said, ("answer.date.invalid",))
            for said in ("i våras", "31/13 2014", "vet inte", "fyller år i maj", "mars")
        ],
    ],
)
def test_a_birth_date_is_read_or_what_is_missing_is_said(text: str, stored: object) -> None:
    assert answer("birth_date", text) == stored


def test_a_month_is_named_in_the_language_of_the_resident() -> None:
    assert answer("birth_date", "turns ten in May", language="en") == ("answer.date.no_day", "May 2016")


@given(st.dates(date(1990, 1, 1), TODAY - timedelta(days=400)), st.booleans(), st.sampled_from(["sv", "en"]))
def test_a_birthday_with_an_age_gives_the_birth_date(born: date, past: bool, language: str) -> None:
    on = TODAY
    age = years_between(born, on) + (0 if past else 1)
    told = show(question("date"), born.isoformat(), language).rsplit(" ", 1)[0]
    if (born.month, born.day) == (2, 29) or (not past and (born.month, born.day) == (on.month, on.day)):
        return
    text = f"{'fyllde' if past else 'fyller'} {age} den {told}"
    assert answer("birth_date", text, language=language) == born.isoformat()


@given(st.dates(date(1910, 1, 1), TODAY), st.dates(TODAY, date(2100, 1, 1)))
def test_an_age_grows_by_one_on_each_birthday(born: date, on: date) -> None:
    years = years_between(born, on)
    number = f"{born:%Y%m}{born.day + 60:02}9800"
    assert age_on(born.isoformat(), on) == age_on(f"{born:%Y%m%d}9800", on) == age_on(number, on) == years
    birthday = (
        on.replace(month=3, day=1) if (born.month, born.day) == (2, 29) else on.replace(month=born.month, day=born.day)
    )
    assert years == on.year - born.year - (0 if on >= birthday or (born.month, born.day) == (on.month, on.day) else 1)


@pytest.mark.parametrize("value", [None, True, ["2014-04-03"], "", "nio", "2014-02-31", "201413019800", "abc"])
def test_what_has_no_age_is_neither_younger_nor_older(value: object) -> None:
    assert age_on(value, TODAY) is None
    for operator in ("younger_than", "at_least"):
        assert not holds(Condition(operator, "s", 3), {"s": value}, TODAY)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("value", "limit", "at_least"),
    [
        ("2011-03-01", 15, True),
        ("2011-03-02", 15, False),
        ("201103019800", 15, True),
        ("201103629800", 15, False),
        ("15", 15, True),
        ("14", 15, False),
        ("2008-02-29", 18, True),
        ("2008-03-01", 18, True),
        ("2008-03-02", 18, False),
    ],
)
def test_an_age_limit_is_reached_on_the_birthday(value: str, limit: int, at_least: bool) -> None:
    assert holds(Condition("at_least", "s", limit), {"s": value}, TODAY) is at_least
    assert holds(Condition("younger_than", "s", limit), {"s": value}, TODAY) is not at_least


def test_a_walk_without_a_day_knows_no_age_of_a_date_but_that_of_an_age() -> None:
    assert not holds(Condition("at_least", "s", 3), {"s": "1980-01-01"})
    assert holds(Condition("at_least", "s", 3), {"s": "9"})


BY_AGE = Form(
    "prov",
    1,
    *[BOTH] * 5,
    questions=(
        question("birth_date", "fodd", notices=(Notice(Condition("younger_than", "fodd", 3), BOTH, "liten", "annat"),)),
        question("text", "vuxen", when=Condition("at_least", "fodd", 18)),
        question("text", "barn", when=Condition("younger_than", "fodd", 18)),
    ),
    channels=("web",),
)


@pytest.mark.parametrize(
    ("born", "asked", "flags"),
    [("2008-03-01", "vuxen", ()), ("2008-03-02", "barn", ()), ("2024-01-01", "barn", ("liten",)), (None, None, ())],
)
def test_questions_notices_and_offers_follow_the_age(
    born: str | None, asked: str | None, flags: tuple[str, ...]
) -> None:
    journey = Journey(BY_AGE, {"fodd": born}, TODAY)
    assert (journey.next_question.slot if journey.next_question else None) == asked
    assert journey.flags == flags
    assert journey.offers("fodd") == (("annat",) if flags else ())
    assert journey.offers("vuxen") == journey.offers("finns_inte") == ()


def test_the_same_answers_on_another_day_lead_elsewhere() -> None:
    answers = {"fodd": "2008-03-02", "barn": "x", "vuxen": "y"}
    assert Journey(BY_AGE, answers, TODAY).relevant_answers == {"fodd": "2008-03-02", "barn": "x"}
    assert Journey(BY_AGE, answers, TODAY + timedelta(days=1)).relevant_answers == {"fodd": "2008-03-02", "vuxen": "y"}


A, B = Condition("is", "val", "a"), Condition("is", "val", "b")
CHOICE = question("choice", "val", options=(Option("a", BOTH), Option("b", BOTH), Option("stopp", BOTH, stops=True)))
SEVERAL = question("multi_choice", "flera", options=(Option("a", BOTH), Option("b", BOTH)))
SCHOOL, AGE = question("school_year", "klass"), question("age", "alder")


@pytest.mark.parametrize(
    ("when", "reachable"),
    [
        (A, True),
        (Condition("all", parts=(A, B)), False),
        (Condition("any", parts=(A, B)), True),
        (Condition("is_not", "val", "a"), True),
        (Condition("none_of", "val", ("a", "b")), True),
        (Condition("all", parts=(A, Condition("answered", "val", False))), False),
        (Condition("any_of", "flera", ("a",)), True),
        (Condition("all", parts=(Condition("any_of", "flera", ("a",)), Condition("any_of", "flera", ("b",)))), True),
        (Condition("all", parts=(Condition("below", "klass", 4), Condition("above", "klass", 6))), False),
        (Condition("all", parts=(Condition("above", "klass", 3), Condition("below", "klass", 5))), True),
        (Condition("all", parts=(Condition("at_least", "alder", 12), Condition("younger_than", "alder", 12))), False),
        (Condition("all", parts=(Condition("at_least", "alder", 12), Condition("younger_than", "alder", 13))), True),
        (Condition("all", parts=(Condition("is", "sen", "a"), B)), False),
        (Condition("is", "sen", "a"), True),
    ],
)
def test_a_question_that_no_answers_lead_to_is_found(when: Condition, reachable: bool) -> None:
    later = question("choice", "sen", when=A, options=(Option("a", BOTH), Option("b", BOTH)))
    asked = question("text", "sist", when=when)
    form = Form("prov", 1, *[BOTH] * 5, questions=(CHOICE, SEVERAL, SCHOOL, AGE, later, asked), channels=("web",))
    never = [("sist", "it is never asked: no answers make its when hold")]
    assert list(dead_ends_in(form)) == ([] if reachable else never)
