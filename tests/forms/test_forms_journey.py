"""The walk through a form: one small form for each thing a form can do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms.conditions import Condition, holds
from forms.form import Form, Notice, Option, Question
from forms.journey import Journey

WORDS = {"sv": "Text", "en": "Text"}


def options(*values: str) -> tuple[Option, ...]:
    return tuple(Option(value, {"sv": value, "en": value}) for value in values)


def ask(slot: str, answer_type: str = "text", **more: object) -> Question:
    return Question(slot, answer_type, WORDS, WORDS, **more)


def form(*questions: Question) -> Form:
    return Form("prov", 1, WORDS, WORDS, WORDS, {"sv": "Ring oss", "en": "Call us"}, WORDS, questions, ("web",))


def slots(questions: tuple[Question, ...]) -> list[str]:
    return [question.slot for question in questions]


STRAIGHT = form(ask("a", required=True), ask("b"), ask("c", required=True))
BRANCHING = form(
    ask("djur", "choice", required=True, options=options("hund", "katt", "fisk")),
    ask("ras", when=Condition("is", "djur", "hund"), required=True),
    ask("ute", "yes_no", when=Condition("any_of", "djur", ("hund", "katt"))),
    ask("tid", when=Condition("is", "ute", True)),
    ask("namn", required=True),
)


@pytest.mark.parametrize(
    ("answers", "path", "asked", "complete"),
    [
        ({}, ["a"], "a", False),
        ({"a": "1"}, ["a", "b"], "b", False),
        ({"a": "1", "b": None}, ["a", "b", "c"], "c", False),
        ({"a": "1", "b": None, "c": "3"}, ["a", "b", "c"], None, True),
        ({"a": "1", "c": "3"}, ["a", "b"], "b", False),
        ({"a": None}, ["a"], "a", False),
        ({"a": "1", "b": "2", "c": None}, ["a", "b", "c"], "c", False),
        ({"a": "1", "b": "2", "c": "3", "okänd": "4"}, ["a", "b", "c"], None, True),
    ],
)
def test_the_walk_ends_at_the_first_gap(
    answers: dict[str, str | None], path: list[str], asked: str | None, complete: bool
) -> None:
    journey = Journey(STRAIGHT, answers)
    assert slots(journey.path) == path
    assert (journey.next_question.slot if journey.next_question else None) == asked
    assert journey.is_complete is complete
    assert journey.total == 3


@pytest.mark.parametrize(
    ("answers", "path", "total"),
    [
        ({}, ["djur"], 4),
        ({"djur": "fisk"}, ["djur", "namn"], 2),
        ({"djur": "katt"}, ["djur", "ute"], 3),
        ({"djur": "katt", "ute": True}, ["djur", "ute", "tid"], 4),
        ({"djur": "katt", "ute": False}, ["djur", "ute", "namn"], 3),
        ({"djur": "katt", "ute": None}, ["djur", "ute", "namn"], 3),
        ({"djur": "hund", "ras": "Tax", "ute": True, "tid": None}, ["djur", "ras", "ute", "tid", "namn"], 5),
    ],
)
def test_conditions_choose_the_path(answers: dict[str, object], path: list[str], total: int) -> None:
    journey = Journey(BRANCHING, answers)
    assert slots(journey.path) == path
    assert journey.total == total


def test_an_answer_off_the_path_counts_for_nothing_and_comes_back_with_its_branch() -> None:
    answers = {"djur": "fisk", "ras": "Tax", "ute": True, "tid": "kväll", "namn": "Sam"}
    journey = Journey(BRANCHING, answers)
    assert journey.relevant_answers == {"djur": "fisk", "namn": "Sam"}
    assert journey.is_complete
    assert Journey(BRANCHING, {**answers, "djur": "hund"}).relevant_answers == {**answers, "djur": "hund"}


def test_an_answer_that_is_no_longer_an_option_is_asked_again() -> None:
    journey = Journey(BRANCHING, {"djur": "papegoja", "namn": "Sam"})
    assert journey.next_question is not None
    assert journey.next_question.slot == "djur"
    assert journey.relevant_answers == {}


def test_answers_beyond_the_gap_are_known_but_not_counted() -> None:
    journey = Journey(STRAIGHT, {"b": "2", "c": "3"})
    assert (journey.answered, journey.total, journey.relevant_answers) == (0, 3, {})


def test_an_unanswered_required_choice_is_expected_to_be_its_first_option() -> None:
    assert Journey(BRANCHING, {}).total == 4  # hund: ras, ute, namn
    with_gate = form(ask("grind", "choice", required=True, options=(replace(options("ja")[0], stops=True),)), ask("b"))
    assert Journey(with_gate, {}).total == 2


def test_positions_and_the_way_back() -> None:
    journey = Journey(BRANCHING, {"djur": "katt", "ute": False})
    assert [journey.position(slot) for slot in ("djur", "ute", "namn")] == [(1, 3), (2, 3), (3, 3)]
    assert journey.previous("djur") is None
    assert journey.previous("ras") is None
    assert (journey.previous("namn") or ask("x")).slot == "ute"
    with pytest.raises(KeyError):
        journey.position("ras")


STOP = replace(options("ja")[0], stops=True)
OWN_STOP = replace(options("oro")[0], stops=True, stop_text={"sv": "Ring 112", "en": "Call 112"})
GATED = form(ask("grind", "choice", required=True, options=(*options("nej"), STOP, OWN_STOP)), ask("namn"))


@pytest.mark.parametrize(
    ("value", "stopped", "said"),
    [("nej", False, None), ("ja", True, "Ring oss"), ("oro", True, "Ring 112")],
)
def test_a_stopping_option_ends_the_walk(value: str, stopped: bool, said: str | None) -> None:
    journey = Journey(GATED, {"grind": value, "namn": "Sam"})
    assert journey.stopped is stopped
    assert journey.is_complete is not stopped
    assert slots(journey.path) == (["grind"] if stopped else ["grind", "namn"])
    assert journey.next_question is None
    assert (journey.stop_text or {}).get("sv") == said


FLAGGED = form(
    ask("ort", flag_when_skipped="saknar_ort"),
    ask("tolk", "multi_choice", options=(replace(options("ja")[0], flag="vill_ha_tolk"), *options("nej"))),
    ask(
        "klass",
        "school_year",
        notices=(
            Notice(
                Condition("any", parts=(Condition("below", "klass", 4), Condition("above", "klass", 6))),
                {"sv": "Oftast 4–6", "en": "Mostly 4–6"},
                "utanfor",
            ),
            Notice(Condition("is", "klass", "9"), None, "saknar_ort"),
        ),
    ),
)


@pytest.mark.parametrize(
    ("answers", "flags", "notices"),
    [
        ({}, (), 0),
        ({"ort": None}, ("saknar_ort",), 0),
        ({"ort": "Sala", "tolk": ["ja", "nej"], "klass": "5"}, ("vill_ha_tolk",), 0),
        ({"ort": None, "tolk": None, "klass": "3"}, ("saknar_ort", "utanfor"), 1),
        ({"ort": None, "tolk": None, "klass": "9"}, ("saknar_ort", "utanfor"), 1),
        ({"ort": "Sala", "tolk": None, "klass": None}, (), 0),
        ({"tolk": ["ja"], "klass": "3"}, (), 0),
    ],
)
def test_flags_and_notices_follow_the_answers_on_the_path(
    answers: dict[str, object], flags: tuple[str, ...], notices: int
) -> None:
    journey = Journey(FLAGGED, answers)
    assert journey.flags == flags
    assert len(journey.notices("klass")) == notices
    assert journey.notices("ort") == journey.notices("finns_inte") == ()


@pytest.mark.parametrize(
    ("operator", "expected", "answer", "result"),
    [
        ("is", "a", "a", True),
        ("is", "a", "b", False),
        ("is", "a", None, False),
        ("is", True, True, True),
        ("is_not", "a", "b", True),
        ("is_not", "a", None, True),
        ("is_not", "a", "a", False),
        ("any_of", ("a", "b"), "b", True),
        ("any_of", ("a", "b"), ["c", "b"], True),
        ("any_of", ("a", "b"), ["c"], False),
        ("any_of", ("a", "b"), None, False),
        ("none_of", ("a", "b"), ["c"], True),
        ("none_of", ("a", "b"), None, True),
        ("none_of", ("a", "b"), "a", False),
        ("below", 4, "3", True),
        ("below", 4, "4", False),
        ("below", 4, None, False),
        ("above", 6, "7", True),
        ("above", 6, "sju", False),
        ("answered", True, "a", True),
        ("answered", True, None, False),
        ("answered", False, None, True),
    ],
)
def test_every_operator(operator: str, expected: object, answer: object, result: bool) -> None:
    assert holds(Condition(operator, "s", expected), {"s": answer}) is result


@pytest.mark.parametrize("operator", ["is", "is_not", "any_of", "none_of", "below", "above", "answered"])
def test_nothing_holds_about_a_question_that_was_not_asked(operator: str) -> None:
    assert holds(Condition(operator, "s", ("a",)), {}) is False


@pytest.mark.parametrize(("operator", "results"), [("all", [True, False, False]), ("any", [True, True, False])])
def test_conditions_combine(operator: str, results: list[bool]) -> None:
    both = Condition(operator, parts=(Condition("is", "s", "a"), Condition("is", "t", "a")))
    assert [holds(both, answers) for answers in ({"s": "a", "t": "a"}, {"s": "a", "t": "b"}, {})] == results


VALUES = (
    st.none() | st.booleans() | st.sampled_from(["hund", "katt", "fisk", "Sam", ""]) | st.lists(st.text(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(["djur", "ras", "ute", "tid", "namn", "annat"]), VALUES))
def test_any_answers_at_all_give_a_consistent_walk(answers: dict[str, object]) -> None:
    journey = Journey(BRANCHING, answers)
    path = slots(journey.path)
    assert set(journey.relevant_answers) <= set(path)
    assert journey.answered == len(journey.relevant_answers) <= len(path) <= journey.total
    assert journey.is_complete is (journey.next_question is None)
    assert [journey.position(slot)[0] for slot in path] == list(range(1, len(path) + 1))
    assert journey.next_question is None or journey.next_question.slot == path[-1]
