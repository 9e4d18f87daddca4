"""From plain data (YAML or a snapshot) to a `Form`: only the shape is looked at here, and every mistake in it is named.

What fits the shape and still makes no usable form is for `definition_rules`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from forms.conditions import COMBINATIONS, OPERATORS, Condition, Expected
from forms.form import Form, Notice, Option, Question, Texts

T = TypeVar("T")
Read = Callable[[Any, str], Any]
Problem = tuple[str | None, str]
"""(slot of the question or None for the form itself, reason)."""
FORM_TEXTS = ("title", "purpose", "information", "stop_text", "receipt")
FORM_KEYS = ("id", "version", *FORM_TEXTS, "questions", "channels")
_NO_CONDITION = Condition("all")


class _ShapeError(Exception):
    """Something in the data has the wrong shape; carries the reason."""


def form_of(data: Any) -> tuple[Form | None, list[Problem]]:
    """The form that `data` describes, and what is wrong with its shape.

    Without mistakes the form is whole. With some, what could not be read is missing from it, and it is only good for
    looking for more; None when nothing could be read at all.
    """
    problems: list[Problem] = []
    try:
        fields = _mapping(data, "the form")
    except _ShapeError as problem:
        return None, [(None, str(problem))]
    tell = partial(_told, problems, None)
    tell(lambda: _only(fields, "the form", set(FORM_KEYS), {"flag_labels"}))
    questions = []
    for number, one in enumerate(tell(lambda: _list(fields.get("questions", []), "questions")) or [], start=1):
        question, reasons = _question(one)
        named = isinstance(one, Mapping) and isinstance(one.get("slot"), str | int | float)
        where = str(one["slot"]) if named else f"number {number}"
        problems += [(where, reason) for reason in reasons]
        if question is not None:
            questions.append(question)
    labels = tell(lambda: _mapping(fields.get("flag_labels") or {}, "flag_labels")) or {}
    values = {key: tell(partial(_texts, fields.get(key, {}), key)) or {} for key in FORM_TEXTS}
    form = Form(
        id=tell(lambda: _text(fields.get("id", ""), "id")) or "",
        version=tell(lambda: _whole(fields.get("version", 0), "version")) or 0,
        **values,
        questions=tuple(questions),
        channels=tell(lambda: _strings(fields.get("channels", []), "channels")) or (),
        flag_labels={
            flag: tell(partial(_texts, label, f"the label of flag {flag}")) or {} for flag, label in labels.items()
        },
    )
    return form, problems


def _told(problems: list[Problem], where: str | None, read: Callable[[], T]) -> T | None:
    """What `read` gives; None after a mistake, which is added to `problems`."""
    try:
        return read()
    except _ShapeError as problem:
        problems.append((where, str(problem)))
        return None


def _question(data: Any) -> tuple[Question | None, list[str]]:
    """A question as far as it can be read (None without a slot), and every mistake in it."""
    problems: list[Problem] = []
    tell = partial(_told, problems, None)
    fields = tell(lambda: _mapping(data, "the question"))
    if fields is None:
        return None, [reason for _, reason in problems]
    known = set(Question.__dataclass_fields__)
    tell(lambda: _only(fields, "the question", {"slot", "type", "label", "text"}, known))
    values: dict[str, Any] = {
        key: tell(partial(read, fields[key], key)) for key, read in _QUESTION.items() if fields.get(key) is not None
    }
    for key, read in (("options", _option), ("notices", _notice)):
        listed = tell(partial(_list, fields.get(key, []), key)) or []
        values[key] = tuple(one for part in listed if (one := tell(partial(read, part))) is not None)
    values = {key: value for key, value in values.items() if value is not None}
    values = {"type": "text", "label": {}, "text": {}} | values
    question = Question(**values) if values.get("slot") else None
    return question, [reason for _, reason in problems]


def _option(data: Any) -> Option:
    keys = set(Option.__dataclass_fields__)
    fields = _only(_mapping(data, "an option"), "an option", {"value", "label"}, keys)
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
    fields = _only(_mapping(data, "a notice"), "a notice", {"when"}, {"text", "flag", "offers"})
    return Notice(
        _condition(fields["when"], "a notice's when"),
        _maybe(fields, "text", _texts),
        _maybe(fields, "flag", _text),
        _maybe(fields, "offers", _text),
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
    if "slot" not in fields or len(operators) != 1 or operators[0] not in OPERATORS:
        known = ", ".join((*OPERATORS, *COMBINATIONS))
        raise _ShapeError(f"{name}: write a slot and one operator (known: {known})")
    return Condition(operators[0], _text(fields["slot"], f"{name}, slot"), _expected(fields[operators[0]], name))


def _expected(value: Any, name: str) -> Expected:
    if isinstance(value, str | bool | int):
        return value
    return _strings(value, name)


def _mapping(data: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
        raise _ShapeError(f"{name} should be keys with values")
    return data


def _only(data: Mapping[str, Any], name: str, required: set[str], optional: set[str]) -> Mapping[str, Any]:
    missing, unknown = sorted(required - set(data)), sorted(set(data) - required - optional)
    wrong = [f"lacks {', '.join(missing)}"] if missing else []
    if wrong := wrong + ([f"has unknown keys: {', '.join(unknown)}"] if unknown else []):
        raise _ShapeError(f"{name} {' and '.join(wrong)}")
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


_QUESTION: Mapping[str, Read] = {
    **dict.fromkeys(("slot", "type", "flag_when_skipped", "fact"), _text),
    **dict.fromkeys(("label", "text", "hint", "why"), _texts),
    **dict.fromkeys(("required", "sensitive", "about_child", "private", "childs_voice"), _truth),
    **dict.fromkeys(("minimum", "maximum"), _whole),
    "when": _condition,
}
"""How each plain key of a question is read; options and notices are lists."""
