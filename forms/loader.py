"""From YAML files to forms, and from a form to the plain snapshot that is kept with what was sent in.

A snapshot has the shape of a definition file, so one reader (`shapes`) serves both. What a form must keep to beyond its
shape is in `definition_rules`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from forms.conditions import COMBINATIONS, Condition
from forms.definition_rules import problems_in
from forms.form import Form, Option, Question
from forms.reachability import dead_ends_in
from forms.shapes import FORM_KEYS, Problem, form_of

DEFINITIONS = Path(__file__).parent / "definitions"


class FormDefinitionError(Exception):
    """A definition that cannot be used: which file, which question (if any), and why."""

    def __init__(self, file: str, question: str | None, reason: str) -> None:
        place = file if question is None else f"{file}, question {question}"
        super().__init__(f"{place}: {reason}")
        self.file = file
        self.question = question
        self.reason = reason


def load_forms(directory: Path = DEFINITIONS) -> Mapping[str, Form]:
    """Every definition in `directory`, form id -> form, in the order of the file names.

    Raises FormDefinitionError for the first mistake.
    """
    forms, mistakes = _read(directory)
    mistake = next(mistakes, None)
    if mistake is not None:
        raise mistake
    return MappingProxyType(forms)


def mistakes_in(directory: Path) -> tuple[FormDefinitionError, ...]:
    """Every mistake in every definition of `directory`, in the order of the files; none when all can be used."""
    return tuple(_read(directory)[1])


def _read(directory: Path) -> tuple[dict[str, Form], Iterator[FormDefinitionError]]:
    """The forms by id, filled in while the mistakes are gone through."""
    forms: dict[str, Form] = {}

    def mistakes() -> Iterator[FormDefinitionError]:
        paths = sorted(directory.glob("*.yml"))
        for path in paths:
            form, problems = _load(path)
            yield from (FormDefinitionError(path.name, *problem) for problem in problems)
            if form is not None:
                forms[form.id] = form
        yield from _offered_in_vain(forms, {path.stem for path in paths})
        if not paths:
            yield FormDefinitionError(str(directory), None, "there is no form here (no file ends in .yml)")

    return forms, mistakes()


def _load(path: Path) -> tuple[Form | None, list[Problem]]:
    try:
        data = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return None, [(None, " ".join(str(error).split()))]
    form, problems = form_of(data)
    if form is None:
        return None, problems
    told = {(where, word) for where, reason in problems for word in reason.replace(",", "").split()}
    problems += [(where, reason) for where, reason in problems_in(form) if (where, _subject(reason)) not in told]
    if form.id and form.id != path.stem:
        problems.append((None, f"the id is {form.id}, so the file should be {form.id}.yml"))
    return form, problems or list(dead_ends_in(form))


def _subject(reason: str) -> str:
    """What a reason is about: a key that could not be read is not complained about again."""
    return reason.removeprefix("the ").split()[0]


def _offered_in_vain(forms: Mapping[str, Form], ids: set[str]) -> Iterator[FormDefinitionError]:
    for form in forms.values():
        for question in form.questions:
            for notice in question.notices:
                if notice.offers is not None and notice.offers not in ids:
                    reason = f"a notice offers {notice.offers}, and there is no such form"
                    yield FormDefinitionError(f"{form.id}.yml", question.slot, reason)


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
    form, problems = form_of(data)
    if form is None or problems:
        raise FormDefinitionError("snapshot", *problems[0])
    return form


def form_to_snapshot(form: Form) -> dict[str, Any]:
    """`form` as plain JSON data, in the shape of a definition file; what is empty is left out."""
    data = {key: _plain(getattr(form, key)) for key in (*FORM_KEYS, "flag_labels")}
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
        _filled(
            {
                "when": _condition_data(notice.when),
                "text": _plain(notice.text),
                "flag": notice.flag,
                "offers": notice.offers,
            }
        )
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
