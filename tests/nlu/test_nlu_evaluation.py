"""The counting of the evaluation, on a made-up understanding."""

from pathlib import Path

import pytest

from nlu.client import Entity, Understanding
from nlu.evaluation import GROUPS, Share, evaluate, is_right, table
from nlu.sentences import EvaluationError, Sentence, is_danger, kind_of, read_sentences


def understood(intent: str, *services: str, confidence: float = 0.9) -> Understanding:
    entities = tuple(Entity("service", service, service, 0, 1) for service in services)
    return Understanding(intent, confidence, ((intent, confidence),), entities)


RIGHT = [
    ("ask_cost", None, understood("ask_cost"), False, True),
    ("ask_cost", None, understood("ask_cost"), True, False),
    ("ask_cost", None, understood("ask_pay"), False, False),
    ("ask_cost", "kontaktfamilj", understood("ask_cost", "kontaktfamilj"), False, True),
    ("ask_cost", "kontaktfamilj", understood("ask_cost", "kontaktgrupp"), False, False),
    ("ask_cost", "kontaktfamilj", understood("ask_cost"), False, False),
    ("ask_cost", "allmant", understood("ask_cost"), False, True),
    ("danger_violence", None, understood("danger_child"), True, True),
    ("danger_violence", None, understood("ask_cost"), True, True),
    ("ask_orosanmalan", None, understood("out_of_scope"), False, False),
    ("out_of_scope", None, understood("out_of_scope"), False, True),
    ("out_of_scope", None, understood("out_of_scope"), True, False),
]


@pytest.mark.parametrize(("intent", "service", "got", "alarm", "right"), RIGHT)
def test_what_counts_as_right(intent: str, service: str | None, got: Understanding, alarm: bool, right: bool) -> None:
    assert is_right(Sentence("text", "sv", "plain", intent, service), got, alarm) is right


@pytest.mark.parametrize(
    ("intent", "kind"),
    [
        ("ask_cost", "answerable"),
        ("ask_status", "command"),
        ("ask_human", "command"),
        ("simplify", "command"),
        ("ask_orosanmalan", "danger"),
        ("danger_child", "danger"),
        ("start_ansokan", "start"),
        ("affirm", "small_answer"),
        ("why_ask", "small_answer"),
        ("feelings", "care"),
        ("greet", "command"),
        ("out_of_scope", "out_of_scope"),
    ],
)
def test_every_intent_has_its_group(intent: str, kind: str) -> None:
    assert kind_of(intent) == kind


def test_the_figures_add_up() -> None:
    answers = {
        "a": understood("ask_cost", "kontaktfamilj"),
        "b": understood("ask_pay"),
        "c": understood("ask_pay", confidence=0.3),
        "d": understood("danger_violence"),
        "e": understood("danger_child"),
        "f": understood("start_ansokan"),
        "help!": understood("ask_cost", confidence=0.5),
        "g": understood("ask_cost", confidence=0.5),
    }
    sentences = [
        Sentence("a", "sv", "plain", "ask_cost", "kontaktfamilj"),
        Sentence("b", "sv", "sms", "ask_cost"),
        Sentence("c", "en", "plain", "out_of_scope"),
        Sentence("d", "en", "plain", "out_of_scope"),
        Sentence("e", "sv", "plain", "danger_violence"),
        Sentence("help!", "sv", "plain", "danger_child"),
        Sentence("f", "sv", "plain", "start_ansokan"),
        Sentence("g", "fi", "plain", "ask_cost"),
    ]
    means = {"nlu": lambda text, got: is_danger(got.intent), "phrases": lambda text, got: "help" in text}
    result = evaluate(sentences, answers.__getitem__, means, 0.45)
    assert set(result.groups) == set(GROUPS)
    assert result.groups["answerable"] == Share(2, 3)
    assert result.groups["other_languages"] == Share(1, 1)
    assert result.groups["wrong_answer"] == Share(1, 5)
    assert result.groups["out_of_scope"] == Share(0, 2)
    assert result.groups["danger"] == Share(2, 2)
    assert result.danger_by == {"nlu": Share(1, 2), "phrases": Share(1, 2)}
    assert result.groups["false_alarm"] == Share(1, 6)
    assert result.groups["start"] == Share(1, 1)
    assert result.groups["command"] == Share(0, 0)
    assert result.languages == {"sv": Share(4, 5), "en": Share(0, 2), "fi": Share(1, 1)}
    assert result.styles == {"plain": Share(5, 7), "sms": Share(0, 1)}
    assert [miss.sentence.text for miss in result.misses] == ["b", "c", "d"]
    text = table(result)
    assert "66.7 %  (2 of 3)" in text
    assert "danger found by phrases alone" in text
    assert all(label in text for label in GROUPS.values())


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [(0.8, 8, 0.0), (0.8, 10, 0.2), (0.95, 9, 0.05), (0.3, 8, 0.5)],
)
def test_how_far_confidence_is_from_being_right(confidence: float, right: int, error: float) -> None:
    sentences = [
        Sentence(str(number), "sv", "plain", "ask_cost" if number < right else "ask_pay") for number in range(10)
    ]
    result = evaluate(sentences, lambda text: understood("ask_cost", confidence=confidence), {}, 0.45)
    assert result.calibration_error == pytest.approx(error)


def test_what_is_not_good_enough_is_said() -> None:
    result = evaluate(
        [Sentence("a", "sv", "plain", "ask_cost")], lambda text: understood("ask_pay", confidence=0.9), {}, 0.45
    )
    assert "answerable under 92%" in result.shortcomings
    assert "wrong_answer over 4.0%" in result.shortcomings
    assert "calibration error over 0.05" in result.shortcomings


def test_files_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "sv.yml").write_text("sentences:\n- {text: b, language: sv, style: plain, intent: ask_cost}\n")
    (tmp_path / "en.yml").write_text(
        "sentences:\n- {text: a, language: en, style: sms, intent: ask_cost, service: kontaktfamilj}\n"
    )
    assert [sentence.text for sentence in read_sentences(tmp_path)] == ["a", "b"]
    assert read_sentences(tmp_path)[0].service == "kontaktfamilj"


@pytest.mark.parametrize(
    "content",
    ["", "[]", "sentences: 5", "sentences: [5]", "sentences:\n- {text: a}", "sentences: [", "sentences:\n- {text: 5}"],
)
def test_an_unreadable_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "sv.yml").write_text(content)
    with pytest.raises(EvaluationError, match=r"sv\.yml"):
        read_sentences(tmp_path)
