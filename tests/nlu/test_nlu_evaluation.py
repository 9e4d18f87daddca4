"""The counting of the evaluation, on a made-up understanding."""

from pathlib import Path

import pytest

from nlu.client import Entity, Understanding
from nlu.evaluation import (
    GROUPS,
    EvaluationError,
    Sentence,
    Share,
    evaluate,
    is_right,
    kind_of,
    read_known_misses,
    read_sentences,
    table,
)


def understood(intent: str, *services: str, confidence: float = 0.9) -> Understanding:
    entities = tuple(Entity("service", service, service, 0, 1) for service in services)
    return Understanding(intent, confidence, ((intent, confidence),), entities)


RIGHT = [
    ("ask_cost", None, understood("ask_cost"), True),
    ("ask_cost", None, understood("ask_pay"), False),
    ("ask_cost", "kontaktfamilj", understood("ask_cost", "kontaktfamilj"), True),
    ("ask_cost", "kontaktfamilj", understood("ask_cost", "kontaktgrupp"), False),
    ("ask_cost", "kontaktfamilj", understood("ask_cost"), False),
    ("ask_cost", "allmant", understood("ask_cost"), True),
    ("danger_violence", None, understood("danger_child"), True),
    ("danger_violence", None, understood("ask_orosanmalan"), True),
    ("ask_orosanmalan", None, understood("out_of_scope"), False),
    ("out_of_scope", None, understood("out_of_scope"), True),
]


@pytest.mark.parametrize(("intent", "service", "got", "right"), RIGHT)
def test_what_counts_as_right(intent: str, service: str | None, got: Understanding, right: bool) -> None:
    assert is_right(Sentence("text", "sv", "plain", intent, service), got) is right


@pytest.mark.parametrize(
    ("intent", "kind"),
    [
        ("ask_cost", "answerable"),
        ("ask_status", "command"),
        ("ask_human", "command"),
        ("ask_orosanmalan", "danger"),
        ("danger_child", "danger"),
        ("start_ansokan", "start"),
        ("affirm", "small_answer"),
        ("why_ask", "small_answer"),
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
    }
    sentences = [
        Sentence("a", "sv", "plain", "ask_cost", "kontaktfamilj"),
        Sentence("b", "sv", "sms", "ask_cost"),
        Sentence("c", "en", "plain", "out_of_scope"),
        Sentence("d", "en", "plain", "out_of_scope"),
        Sentence("e", "sv", "plain", "danger_violence"),
        Sentence("f", "sv", "plain", "start_ansokan"),
    ]
    result = evaluate(sentences, answers.__getitem__, frozenset({"b", "a"}))
    assert set(result.groups) == set(GROUPS)
    assert result.groups["answerable"] == Share(1, 2)
    assert result.groups["wrong_answer"] == Share(1, 4)
    assert result.groups["out_of_scope"] == Share(0, 2)
    assert result.groups["danger"] == Share(1, 1)
    assert result.groups["false_alarm"] == Share(1, 5)
    assert result.groups["start"] == Share(1, 1)
    assert result.groups["command"] == Share(0, 0)
    assert result.languages == {"sv": Share(3, 4), "en": Share(0, 2)}
    assert result.styles == {"plain": Share(3, 5), "sms": Share(0, 1)}
    assert [miss.sentence.text for miss in result.misses] == ["b", "c", "d"]
    assert [miss.sentence.text for miss in result.new_misses] == ["c", "d"]
    assert result.fixed == ("a",)
    text = table(result)
    assert "50.0 %  (1 of 2)" in text
    assert "no longer missed" in text
    assert all(label in text for label in GROUPS.values())


def test_files_are_read_in_order_and_the_list_of_misses_apart(tmp_path: Path) -> None:
    (tmp_path / "sv.yml").write_text("sentences:\n- {text: b, language: sv, style: plain, intent: ask_cost}\n")
    (tmp_path / "en.yml").write_text(
        "sentences:\n- {text: a, language: en, style: sms, intent: ask_cost, service: kontaktfamilj}\n"
    )
    assert read_known_misses(tmp_path) == frozenset()
    (tmp_path / "known_misses.yml").write_text("- b\n")
    assert [sentence.text for sentence in read_sentences(tmp_path)] == ["a", "b"]
    assert read_sentences(tmp_path)[0].service == "kontaktfamilj"
    assert read_known_misses(tmp_path) == {"b"}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "sentences: 5", "sentences: [5]", "sentences:\n- {text: a}", "sentences: [", "sentences:\n- {text: 5}"],
)
def test_an_unreadable_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "sv.yml").write_text(content)
    with pytest.raises(EvaluationError, match=r"sv\.yml"):
        read_sentences(tmp_path)
