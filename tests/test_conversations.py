"""Whole conversations as tables (tests/conversations/<language>/*.yml), played with the real NLU process and storage.

A table is a list of turns: `say` or `tap` (a button by its label, the newest with that label, or `id:` and its id), and
what must come of it. `{reference}` stands for the latest reference that the conversation gave.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.turn import Response

TABLES = Path(__file__).parent / "conversations"
EXPECTATIONS = {
    "say", "say_repeat", "tap", "kind", "command", "topics", "has", "lacks", "sources", "choices", "draft", "submitted",
    "language",
}  # fmt: skip


def _conversations() -> list[Any]:
    found = []
    for path in sorted(TABLES.glob("*/*.yml")):
        for table in yaml.safe_load(path.read_text(encoding="utf-8")):
            found.append(pytest.param(table, id=f"{path.parent.name}/{path.stem}: {table['name']}"))
    return found


def test_there_are_tables_enough() -> None:
    """At least forty conversations, and no name twice."""
    names = [param.id for param in _conversations()]
    assert len(names) >= 40
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("table", _conversations())
def test_conversation(table: dict[str, Any], talk: Callable[..., Response]) -> None:
    channel = table.get("channel", "web")
    place = table.get("municipality")
    response = talk(start=True, channel=channel, municipality=place)
    offered = _buttons(response)
    reference = ""
    for number, row in enumerate(table["turns"], start=1):
        assert row.keys() <= EXPECTATIONS, f"unknown keys in turn {number}: {row.keys() - EXPECTATIONS}"
        row = _filled_in(row, reference)
        if "tap" in row:
            response = talk(choice=_choice(offered, row["tap"]), channel=channel, municipality=place)
        elif "say_repeat" in row:
            response = talk(row["say_repeat"]["text"] * row["say_repeat"]["times"], channel=channel, municipality=place)
        else:
            response = talk(row["say"], channel=channel, municipality=place)
        place = None  # a channel hands it over with the first message
        offered |= _buttons(response)
        reference = response.submission.reference if response.submission else reference
        _check(row, response, f"turn {number} ({row.get('tap') or row.get('say')})")


def _buttons(response: Response) -> dict[str, str]:
    return {choice.label: choice.id for reply in response.replies for choice in reply.choices}


def _filled_in(row: dict[str, Any], reference: str) -> dict[str, Any]:
    filled = {name: value.replace("{reference}", reference) for name, value in row.items() if isinstance(value, str)}
    if "has" in row:
        filled["has"] = [words.replace("{reference}", reference) for words in row["has"]]
    return {**row, **filled}


def _choice(offered: dict[str, str], wanted: str) -> str:
    if wanted.startswith("id:"):
        return wanted.removeprefix("id:")
    assert wanted in offered, f"no button {wanted!r} among {sorted(offered)}"
    return offered[wanted]


def _check(row: dict[str, Any], response: Response, where: str) -> None:
    account = response.account
    text = "\n".join(reply.full_text for reply in response.replies)
    shown = f"{where}: {account} {text[:400]!r}"
    if "kind" in row:
        assert account.kind == row["kind"], shown
    if "command" in row:
        assert account.command == row["command"], shown
    if "topics" in row:
        assert [f"{topic}/{service}" for topic, service in account.topics] == row["topics"], shown
    for words in row.get("has", ()):
        assert words.casefold() in text.casefold(), f"{words!r} is missing in {shown}"
    for words in row.get("lacks", ()):
        assert words.casefold() not in text.casefold(), f"{words!r} is in {shown}"
    brochures = {source.brochure for reply in response.replies for source in reply.sources}
    assert set(row.get("sources", ())) <= brochures, f"sources {brochures} in {shown}"
    labels = {choice.label for reply in response.replies for choice in reply.choices}
    assert set(row.get("choices", ())) <= labels, f"buttons {labels} in {shown}"
    if "draft" in row:
        _check_draft(row["draft"], response, shown)
    if "submitted" in row:
        assert response.submission, shown
        assert response.submission.form_id == row["submitted"], shown
    if "language" in row:
        assert response.language == row["language"], shown


def _check_draft(wanted: dict[str, Any] | None, response: Response, shown: str) -> None:
    if wanted is None:
        assert response.draft is None, shown
        return
    assert response.draft is not None, shown
    for name, value in wanted.items():
        assert getattr(response.draft, name) == value, f"{response.draft} in {shown}"
