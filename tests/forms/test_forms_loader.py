"""Definition files: a good one is read whole, and every mistake is named with file, question and reason."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from forms.loader import FormDefinitionError, form_from_snapshot, form_to_snapshot, load_forms, mistakes_in


def both(text: str) -> dict[str, str]:
    return {"sv": text, "en": text + " (en)"}


def definition() -> dict[str, Any]:
    return {
        "id": "prov",
        "version": 3,
        "channels": ["web"],
        **{key: both(key) for key in ("title", "purpose", "information", "stop_text", "receipt")},
        "flag_labels": {"saknar_ras": both("Ras saknas"), "stor": both("Stor hund")},
        "questions": [
            {
                "slot": "djur",
                "type": "choice",
                "required": True,
                "label": both("Djur"),
                "text": both("Vilket djur?"),
                "options": [
                    {"value": "hund", "label": both("Hund"), "words": ["vovve"], "services": ["kontaktfamilj"]},
                    {"value": "katt", "label": both("Katt"), "stops": True, "stop_text": both("Inga katter")},
                ],
            },
            {
                "slot": "ras",
                "type": "text",
                "label": both("Ras"),
                "text": both("Vilken ras?"),
                "hint": both("Till exempel tax"),
                "why": both("Därför"),
                "when": {"all": [{"slot": "djur", "is": "hund"}, {"slot": "djur", "answered": True}]},
                "flag_when_skipped": "saknar_ras",
                "maximum": 40,
                "sensitive": True,
                "fact": "animals",
                "about_child": True,
                "private": True,
                "childs_voice": True,
                "notices": [
                    {
                        "when": {"slot": "ras", "answered": True},
                        "text": both("Fin hund"),
                        "flag": "stor",
                        "offers": "prov",
                    }
                ],
            },
        ],
    }


def write(directory: Path, data: object, name: str = "prov.yml") -> Path:
    (directory / name).write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return directory


def test_a_definition_is_read_whole(tmp_path: Path) -> None:
    form = load_forms(write(tmp_path, definition()))["prov"]
    djur, ras = form.questions
    assert (form.version, form.channels, form.title["en"]) == (3, ("web",), "title (en)")
    assert (djur.required, ras.required, ras.sensitive, ras.maximum) == (True, False, True, 40)
    assert djur.options[0].words == ("vovve",)
    assert djur.options[0].services == ("kontaktfamilj",)
    assert djur.options[1].stops
    assert djur.options[1].stop_text == both("Inga katter")
    assert ras.when is not None
    assert [part.operator for part in ras.when.parts] == ["is", "answered"]
    assert ras.notices[0].flag == "stor"
    assert form.question("ras") is ras
    assert form.question("finns_inte") is None


def test_forms_come_in_the_order_of_their_files(tmp_path: Path) -> None:
    for name in ("b_form", "a_form", "c_form"):
        write(tmp_path, {**definition(), "id": name}, f"{name}.yml")
    write(tmp_path, definition())
    assert list(load_forms(tmp_path)) == ["a_form", "b_form", "c_form", "prov"]


def test_a_snapshot_is_plain_json_and_gives_the_same_form(tmp_path: Path) -> None:
    form = load_forms(write(tmp_path, definition()))["prov"]
    snapshot = form_to_snapshot(form)
    assert form_from_snapshot(json.loads(json.dumps(snapshot))) == form
    assert snapshot == definition()


def test_a_snapshot_of_something_else_is_refused() -> None:
    with pytest.raises(FormDefinitionError, match="snapshot: the form lacks"):
        form_from_snapshot({"id": "prov"})


Change = Callable[[dict[str, Any]], None]


def put(*path: str | int, value: object) -> Change:
    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def drop(*path: str | int) -> Change:
    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


DJUR, RAS = ("questions", 0), ("questions", 1)
HUND = (*DJUR, "options", 0)


@pytest.mark.parametrize(
    ("change", "question", "reason"),
    [
        (drop("title"), None, "the form lacks title"),
        (drop("title", "en"), None, "title is missing in en"),
        (put("title", "en", value="  "), None, "title is missing in en"),
        (put("title", "EN", value="x"), None, "title: 'EN' is not a language code"),
        (put("title", value="Prov"), None, "title should be keys with values"),
        (put("title", "en", value=False), None, "title in en should be a text"),
        (put("information", "sv", value="å" * 3_501), None, "information would be 4097 characters in sv as it is sent"),
        (
            put("purpose", "en", value="🙂" * 1_745),
            None,
            "the first message (title, purpose and information) would be 4116",
        ),
        (
            put(*RAS, "hint", "sv", value="å" * 3_490),
            "ras",
            "the question (text and hint) would be 4099 characters in sv",
        ),
        (put("colour", value="red"), None, "the form has unknown keys: colour"),
        (put("version", value="1"), None, "version should be a whole number"),
        (put("version", value=True), None, "version should be a whole number"),
        (put("version", value=0), None, "version should be 1 or more"),
        (put("channels", value=["fax"]), None, "channels should be some of web, telegram, terminal"),
        (put("channels", value=[]), None, "channels should be some of"),
        (put("id", value="annat"), None, "the id is annat, so the file should be annat.yml"),
        (put("questions", value=[]), None, "there are no questions"),
        (put("questions", value={}), None, "questions should be a list"),
        (put("flag_labels", value={"stor": both("Stor")}), None, "the flag saknar_ras has no label"),
        (put("flag_labels", "okand", value=both("x")), None, "flag_labels names okand, which nothing raises"),
        (put(*RAS, value="ras"), "number 2", "the question should be keys with values"),
        (drop(*RAS, "text"), "ras", "the question lacks text"),
        (drop(*RAS, "text", "sv"), "ras", "text is missing in sv"),
        (drop(*RAS, "hint", "en"), "ras", "hint is missing in en"),
        (put(*RAS, "label", "sv", value="å" * 61), "ras", "label has 61 characters in sv; at most 60 fit"),
        (put(*RAS, "fargen", value=1), "ras", "the question has unknown keys: fargen"),
        (put(*RAS, "fact", value="pet"), "ras", "unknown fact 'pet' (known: writer_name"),
        (put(*RAS, "fact", value="child_age"), "ras", "the fact child_age does not fit the type text (it fits age)"),
        (put(*RAS, "about_child", value="yes"), "ras", "about_child should be true or false"),
        (
            put(*RAS, "notices", 0, "offers", value="finns_ej"),
            "ras",
            "a notice offers finns_ej, and there is no such form",
        ),
        (put(*RAS, "type", value="textt"), "ras", "unknown type 'textt' (known: text, long_text, choice"),
        (put(*RAS, "slot", value="djur"), "djur", "the slot is used by an earlier question"),
        (put(*RAS, "slot", value="räs"), "räs", "a slot is at most 24 small ASCII letters"),
        (put(*RAS, "slot", value="r" * 25), "r" * 25, "a slot is at most 24 small ASCII letters"),
        (put(*RAS, "required", value="yes"), "ras", "required should be true or false"),
        (put(*RAS, "required", value=True), "ras", "flag_when_skipped has no meaning"),
        (put(*RAS, "maximum", value=201), "ras", "minimum and maximum should be between 1 and 200"),
        (put(*RAS, "minimum", value=41), "ras", "the smaller first"),
        (put(*DJUR, "minimum", value=1), "djur", "the type choice has no minimum and no maximum"),
        (
            put(*RAS, "options", value=[definition()["questions"][0]["options"][0]]),
            "ras",
            "the type text has no options",
        ),
        (drop(*DJUR, "options"), "djur", "a choice has at least two options"),
        (put(*HUND, "stops", value=True), "djur", "at least one option must lead on"),
        (put(*HUND, "value", value="hünd"), "djur", "the value 'hünd' should be at most 24 small ASCII letters"),
        (put(*HUND, "value", value="h" * 25), "djur", "should be at most 24 small ASCII letters"),
        (put(*HUND, "value", value=False), "djur", "an option's value should be a text"),
        (put(*HUND, "value", value="katt"), "djur", "the option katt is there twice"),
        (put(*HUND, "label", "sv", value="katt"), "djur", "two options have the same label in sv"),
        (put(*HUND, "label", "sv", value="å" * 61), "djur", "the label of hund has 61 characters in sv"),
        (put(*HUND, "stop_text", value=both("x")), "djur", "hund has a stop_text but does not stop"),
        (put(*DJUR, "type", value="multi_choice"), "djur", "only an option of a choice can stop the form"),
        (put(*RAS, "when", value={"slot": "farg", "is": "x"}), "ras", "when: farg is not an earlier question"),
        (put(*RAS, "when", value={"slot": "ras", "is": "x"}), "ras", "when: ras is not an earlier question"),
        (
            put(*DJUR, "when", value={"slot": "ras", "answered": True}),
            "djur",
            "when: ras is not an earlier question; a circular condition: djur waits for ras waits for djur",
        ),
        (
            put(*RAS, "when", value={"slot": "ras", "answered": True}),
            "ras",
            "when: ras is not an earlier question; a circular condition: ras waits for ras",
        ),
        (
            put(*RAS, "when", value={"slot": "djur", "is_not": "hund"}),
            "ras",
            "it is never asked: no answers make its when",
        ),
        (
            put(
                *RAS,
                "notices",
                0,
                "when",
                value={"all": [{"slot": "ras", "answered": True}, {"slot": "ras", "answered": False}]},
            ),
            "ras",
            "notice 1 is never shown: no answers make its when hold",
        ),
        (
            put(*RAS, "when", value={"slot": "djur", "at_least": 3}),
            "ras",
            "at_least does not fit djur, which is of type",
        ),
        (put(*RAS, "when", value={"slot": "djur", "is": "fisk"}), "ras", "when: djur has no option fisk"),
        (put(*RAS, "when", value={"slot": "djur", "is": "katt"}), "ras", "djur katt stops the form"),
        (put(*RAS, "when", value={"slot": "djur", "liknar": "x"}), "ras", "write a slot and one operator (known: is"),
        (put(*RAS, "when", value={"slot": "djur", "any_of": "hund"}), "ras", "any_of and none_of take a list"),
        (put(*RAS, "when", value={"slot": "djur", "is": ["hund"]}), "ras", "is and is_not one value"),
        (
            put(*RAS, "when", value={"slot": "djur", "below": 3}),
            "ras",
            "below does not fit djur, which is of type choice",
        ),
        (put(*RAS, "when", value={"slot": "djur", "answered": "x"}), "ras", "djur answered should be true or false"),
        (put(*RAS, "when", value={"any": []}), "ras", "any has nothing in it"),
        (put(*RAS, "when", value={"any": [], "slot": "djur"}), "ras", "any stands alone"),
        (put(*RAS, "when", value="djur == hund"), "ras", "when should be keys with values"),
        (put(*RAS, "notices", 0, value={"when": {"slot": "ras", "answered": True}}), "ras", "a text, a flag or both"),
        (put(*RAS, "notices", 0, "when", value={"slot": "x", "is": "y"}), "ras", "a notice: x is not an earlier"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, change: Change, question: str | None, reason: str) -> None:
    data = deepcopy(definition())
    change(data)
    with pytest.raises(FormDefinitionError) as caught:
        load_forms(write(tmp_path, data))
    assert caught.value.file == "prov.yml"
    assert caught.value.question == question
    assert reason in caught.value.reason
    assert str(caught.value).startswith("prov.yml" if question is None else f"prov.yml, question {question}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the form should be keys with values"),
        (b"id: [", "did not find expected"),
        (b"id: a\nid: b\n", "the key id is there twice"),
        (b"a: {sv: x, sv: y}", "the key sv is there twice"),
        (b"\xff\xfe\x00", "prov.yml"),
        (b"id: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
    ],
)
def test_a_file_that_is_no_definition_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "prov.yml").write_bytes(content)
    with pytest.raises(FormDefinitionError) as caught:
        load_forms(tmp_path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def second_question(**more: Any) -> dict[str, Any]:
    return {"slot": "ras_till", "type": "text", "label": both("Ras"), "text": both("Vilken ras?"), **more}


@pytest.mark.parametrize(
    ("when", "refused"), [({"slot": "djur", "is": "hund"}, True), ({"slot": "djur", "is": "fisk"}, False)]
)
def test_a_fact_fills_one_question_on_each_path(tmp_path: Path, when: dict[str, str], refused: bool) -> None:
    data = definition()
    data["questions"][0]["options"].append({"value": "fisk", "label": both("Fisk")})
    data["questions"][1]["fact"] = "animals"
    data["questions"].append(second_question(fact="animals", when=when))
    mistakes = mistakes_in(write(tmp_path, data))
    reason = "the fact animals fills ras too, and both may be asked"
    assert [(one.question, one.reason) for one in mistakes] == ([("ras_till", reason)] if refused else [])


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    data = definition()
    data["title"] = {"sv": "Prov"}
    data["questions"][0]["options"][0]["label"] = {"sv": "Hund"}
    data["questions"][1] |= {"required": "nej", "hint": "Tax", "colour": "red"}
    data["questions"].append(second_question(when={"slot": "katten", "is": "x"}))
    write(tmp_path, data)
    (tmp_path / "trasig.yml").write_text("id: [", encoding="utf-8")
    write(tmp_path, {**definition(), "id": "annan"}, "bra.yml")
    told = [(one.file, one.question) for one in mistakes_in(tmp_path)]
    assert told == [
        ("bra.yml", None),
        *[("prov.yml", "ras")] * 3,
        ("prov.yml", None),
        ("prov.yml", "djur"),
        ("prov.yml", "ras_till"),
        ("trasig.yml", None),
    ]


def test_a_directory_without_forms_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormDefinitionError, match="there is no form here"):
        load_forms(tmp_path)
