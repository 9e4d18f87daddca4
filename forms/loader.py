"""From YAML to `Form`, and from `Form` to the plain snapshot that is kept with what was sent in.

A snapshot has the shape of a definition file, so one reader serves both. This module says what a file must
look like; `definition_rules` says what a form must be.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import yaml

from forms.conditions import COMBINATIONS, COMPARISONS, Condition, Expected
from forms.definition_rules import problem_in
from forms.form import Form, Notice, Option, Question, Texts

T = TypeVar("T")
DEFINITIONS = Path(__file__).parent / "definitions"
_FORM_TEXTS = ("title", "purpose", "information", "stop_text", "receipt")
_FORM_KEYS = ("id", "version", *_FORM_TEXTS, "questions", "channels")
_QUESTION_KEYS = {"slot", "type", "label", "text"}


class FormDefinitionError(Exception):
    """A definition that cannot be used: which file, which question (if any), and why."""

    def __init__(self, file: str, question: str | None, reason: str) -> None:
        place = file if question is None else f"{file}, question {question}"
        super().__init__(f"{place}: {reason}")
        self.file = file
        self.question = question
        self.reason = reason


class _ShapeError(Exception):
    """Something in the data has the wrong shape; carries the reason."""


def load_forms(directory: Path = DEFINITIONS) -> Mapping[str, Form]:
    """Every definition in `directory`, form id -> form, in the order of the file names.

    Raises FormDefinitionError for the first one that cannot be used.
    """
    forms = {}
    for path in sorted(directory.glob("*.yml")):
        form = _load(path)
        forms[form.id] = form
    if not forms:
        raise FormDefinitionError(str(directory), None, "there is no form here (no file ends in .yml)")
    return MappingProxyType(forms)


def _load(path: Path) -> Form:
    try:
        data = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FormDefinitionError(path.name, None, " ".join(str(error).split())) from None
    form = _form(data, path.name)
    if form.id != path.stem:
        raise FormDefinitionError(path.name, None, f"the id is {form.id}, so the file should be {form.id}.yml")
    problem = problem_in(form)
    if problem is not None:
        raise FormDefinitionError(path.name, *problem)
    return form


class _Loader(yaml.CSafeLoader):
    """YAML as data only, and a key written twice is an error instead of a silent choice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def form_from_snapshot(data: Mapping[str, Any]) -> Form:
    """The form behind `form_to_snapshot`. Raises FormDefinitionError when it is not such a snapshot."""
    return _form(data, "snapshot")


def form_to_snapshot(form: Form) -> dict[str, Any]:
    """`form` as plain JSON data, in the shape of a definition file; what is empty is left out."""
    data = {key: _plain(getattr(form, key)) for key in (*_FORM_KEYS, "flag_labels")}
    data["questions"] = [_question_data(question) for question in form.questions]
    return _filled(data)


def _question_data(question: Question) -> dict[str, Any]:
    data = {key: _plain(getattr(question, key)) for key in Question.__dataclass_fields__}
    data["when"] = None if question.when is None else _condition_data(question.when)
    data["options"] = [
        _filled({key: _plain(getattr(option, key)) for key in Option.__dataclass_fields__})
        for option in question.options
    ]
    data["notices"] = [
        _filled({"when": _condition_data(notice.when), "text": _plain(notice.text), "flag": notice.flag})
        for notice in question.notices
    ]
    return _filled(data)


def _condition_data(condition: Condition) -> dict[str, Any]:
    if condition.operator in COMBINATIONS:
        return {condition.operator: [_condition_data(part) for part in condition.parts]}
    return {"slot": condition.slot, condition.operator: _plain(condition.expected)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value not in (None, False, [], {})}


def _form(data: Any, file: str) -> Form:
    where: str | None = None
    try:
        fields = _mapping(data, "the form", required=set(_FORM_KEYS), optional={"flag_labels"})
        questions = []
        for number, one in enumerate(_list(fields["questions"], "questions"), start=1):
            where = str(one["slot"]) if isinstance(one, dict) and "slot" in one else f"number {number}"
            questions.append(_question(one))
        where = None
        return Form(
            id=_text(fields["id"], "id"),
            version=_whole(fields["version"], "version"),
            **{key: _texts(fields[key], key) for key in _FORM_TEXTS},
            questions=tuple(questions),
            channels=_strings(fields["channels"], "channels"),
            flag_labels={
                flag: _texts(label, f"the label of flag {flag}")
                for flag, label in _mapping(fields.get("flag_labels") or {}, "flag_labels").items()
            },
        )
    except _ShapeError as problem:
        raise FormDefinitionError(file, where, str(problem)) from None


def _question(data: Any) -> Question:
    fields = _mapping(
        data,
        "the question",
        required=_QUESTION_KEYS,
        optional=set(Question.__dataclass_fields__) - _QUESTION_KEYS,
    )
    return Question(
        slot=_text(fields["slot"], "slot"),
        type=_text(fields["type"], "type"),
        label=_texts(fields["label"], "label"),
        text=_texts(fields["text"], "text"),
        hint=_maybe(fields, "hint", _texts),
        why=_maybe(fields, "why", _texts),
        options=tuple(_option(one) for one in _list(fields.get("options", []), "options")),
        required=_truth(fields.get("required", False), "required"),
        when=_maybe(fields, "when", _condition),
        minimum=_maybe(fields, "minimum", _whole),
        maximum=_maybe(fields, "maximum", _whole),
        flag_when_skipped=_maybe(fields, "flag_when_skipped", _text),
        notices=tuple(_notice(one) for one in _list(fields.get("notices", []), "notices")),
        sensitive=_truth(fields.get("sensitive", False), "sensitive"),
    )


def _option(data: Any) -> Option:
    keys = set(Option.__dataclass_fields__)
    fields = _mapping(data, "an option", required={"value", "label"}, optional=keys - {"value", "label"})
    value = _text(fields["value"], "an option's value")
    return Option(
        value=value,
        label=_texts(fields["label"], f"the label of {value}"),
        words=_strings(fields.get("words", []), f"the words of {value}"),
        services=_strings(fields.get("services", []), f"the services of {value}"),
        flag=_maybe(fields, "flag", _text),
        stops=_truth(fields.get("stops", False), "stops"),
        stop_text=_maybe(fields, "stop_text", _texts),
    )


def _notice(data: Any) -> Notice:
    fields = _mapping(data, "a notice", required={"when"}, optional={"text", "flag"})
    return Notice(
        _condition(fields["when"], "a notice's when"),
        _maybe(fields, "text", _texts),
        _maybe(fields, "flag", _text),
    )


def _condition(data: Any, name: str) -> Condition:
    fields = _mapping(data, name)
    for operator in COMBINATIONS:
        if operator in fields:
            if len(fields) > 1:
                raise _ShapeError(f"{name}: {operator} stands alone")
            parts = tuple(_condition(part, name) for part in _list(fields[operator], f"{name}, {operator}"))
            if not parts:
                raise _ShapeError(f"{name}: {operator} has nothing in it")
            return Condition(operator, parts=parts)
    operators = [key for key in fields if key != "slot"]
    if "slot" not in fields or len(operators) != 1 or operators[0] not in COMPARISONS:
        known = ", ".join((*COMPARISONS, *COMBINATIONS))
        raise _ShapeError(f"{name}: write a slot and one operator (known: {known})")
    return Condition(operators[0], _text(fields["slot"], f"{name}, slot"), _expected(fields[operators[0]], name))


def _expected(value: Any, name: str) -> Expected:
    if isinstance(value, str | bool | int):
        return value
    return _strings(value, name)


def _mapping(
    data: Any, name: str, *, required: set[str] | None = None, optional: set[str] | None = None
) -> Mapping[str, Any]:
    if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
        raise _ShapeError(f"{name} should be keys with values")
    if required is not None and optional is not None:
        missing, unknown = sorted(required - set(data)), sorted(set(data) - required - optional)
        if missing:
            raise _ShapeError(f"{name} lacks {', '.join(missing)}")
        if unknown:
            raise _ShapeError(f"{name} has unknown keys: {', '.join(unknown)}")
    return data


def _list(data: Any, name: str) -> list[Any]:
    if not isinstance(data, list):
        raise _ShapeError(f"{name} should be a list")
    return data


def _one_of(data: Any, name: str, *, kind: type, called: str) -> Any:
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise _ShapeError(f"{name} should be {called}, not {data!r}")
    return data


_text: Callable[[Any, str], str] = partial(_one_of, kind=str, called="a text (in quotation marks if need be)")
_truth: Callable[[Any, str], bool] = partial(_one_of, kind=bool, called="true or false")
_whole: Callable[[Any, str], int] = partial(_one_of, kind=int, called="a whole number")


def _strings(data: Any, name: str) -> tuple[str, ...]:
    return tuple(_text(one, name) for one in _list(data, name))


def _texts(data: Any, name: str) -> Texts:
    return {language: _text(text, f"{name} in {language}").strip() for language, text in _mapping(data, name).items()}


def _maybe(fields: Mapping[str, Any], key: str, read: Callable[[Any, str], T]) -> T | None:
    return None if fields.get(key) is None else read(fields[key], key)
