"""Whole conversations as tables (tests/conversations/<language>/*.yml), played with the real NLU process and storage.

A table is a list of turns: `say` or `tap` (a button by its label, the newest with that label, or `id:` and its id), and
what must come of it. `{reference}` and `{code}` stand for the latest that the conversation gave. `staff_ask` instead of
a turn: staff ask the resident that about it. `{other}` is a code of six digits that is another one. `open`: the chat is
opened again. `sender` and `channel`: somebody else, elsewhere.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.turn import Response
from storage import additions
from storage.database import Database

TABLES = Path(__file__).parent / "conversations"
EXPECTATIONS = {
    "say", "say_repeat", "tap", "kind", "command", "topics", "has", "lacks", "sources", "choices", "draft", "submitted",
    "language", "staff_ask", "sender", "channel", "open",
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
def test_conversation(table: dict[str, Any], talk: Callable[..., Response], database: Database) -> None:
    channel = table.get("channel", "web")
    place = table.get("municipality")
    response = talk(start=True, channel=channel, municipality=place)
    offered = _buttons(response)
    known: dict[str, str] = {}
    for number, written in enumerate(table["turns"], start=1):
        assert written.keys() <= EXPECTATIONS, f"unknown keys in turn {number}: {written.keys() - EXPECTATIONS}"
        row = _filled_in(written, known)
        if "staff_ask" in row:
            additions.ask(database, known["reference"], row["staff_ask"], actor="handläggare", at=datetime.now(UTC))
            continue
        who = {"channel": row.get("channel", channel), "sender": row.get("sender", "resident"), "municipality": place}
        if "open" in row:
            response = talk(start=True, **who)
        elif "tap" in row:
            response = talk(choice=_choice(offered, row["tap"]), **who)
        elif "say_repeat" in row:
            response = talk(row["say_repeat"]["text"] * row["say_repeat"]["times"], **who)
        else:
            response = talk(row["say"], **who)
        place = None  # a channel hands it over with the first message
        offered |= _buttons(response)
        known |= _told(response)
        _check(_filled_in(written, known), response, f"turn {number} ({row.get('tap') or row.get('say')})")


def _buttons(response: Response) -> dict[str, str]:
    return {choice.label: choice.id for reply in response.replies for choice in reply.choices}


def _told(response: Response) -> dict[str, str]:
    """Reference and code, where the response gives them."""
    receipt = response.submission
    if receipt is None or receipt.code is None:
        return {}
    other = f"{(int(receipt.code) + 1) % 10**6:06}"
    return {"reference": receipt.reference, "code": receipt.code, "other": other}


def _filled_in(row: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(one) for one in value]
        if isinstance(value, str):
            for name, told in known.items():
                value = value.replace(f"{{{name}}}", told)
        return value

    return {name: fill(value) for name, value in row.items()}


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
