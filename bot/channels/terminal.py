"""The bot in a terminal: for people, and as JSON lines for scripts (`kontakt chat`, `kontakt ask`)."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TextIO
from uuid import uuid4

from bot.dialogue import decide
from bot.form.asking import response_of
from bot.scene import Scene, State, Tools
from bot.turn import Choice, Reply, Response, Turn

Respond = Callable[[Turn], Response]


class LineError(Exception):
    """A line of input that is not `{"text": …}` or `{"choice": …}`; the resident gets a sentence about it."""


def open_streams() -> None:
    """Make standard input and output UTF-8 that no input can break: odd bytes are kept as escapes.

    Only a line feed ends a line of input: a carriage return may be part of a message.
    """
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def lines_of(stream: TextIO) -> Iterator[str]:
    """The lines of a stream without their line ends."""
    for line in stream:
        yield line.rstrip("\r\n")


def chat_json(
    respond: Respond,
    lines: Iterable[str],
    say: Callable[[str], None],
    turn: Callable[..., Turn],
    unreadable: Mapping[str, str],
) -> None:
    """One JSON object in, one out, in order.

    A line that cannot be read is answered with `unreadable` (language -> sentence), then with where the conversation
    is: the open question again, or the first menu.
    """
    for line in lines:
        try:
            response = respond(turn(**_message(line)))
        except LineError:
            now = respond(turn(start=True))
            response = replace(now, replies=(Reply(unreadable[now.language]), *now.replies))
        say(json.dumps(_response(response), ensure_ascii=False))


def _message(line: str) -> dict[str, str]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise LineError from None
    if not isinstance(data, dict) or len(data) != 1:
        raise LineError
    ((name, value),) = data.items()
    if name not in ("text", "choice") or not isinstance(value, str):
        raise LineError
    return {name: value}


def _response(response: Response) -> dict[str, Any]:
    draft, receipt = response.draft, response.submission
    return {
        "replies": [
            {"text": reply.full_text, "choices": [{"id": c.id, "label": c.label} for c in reply.choices]}
            for reply in response.replies
        ],
        "draft": draft
        and {"form_id": draft.form_id, "slot": draft.slot, "answered": draft.answered, "total": draft.total},
        "submission": receipt and {"reference": receipt.reference, "form_id": receipt.form_id},
    }


def chat(respond: Respond, lines: Iterable[str], say: Callable[[str], None], turn: Callable[..., Turn]) -> None:
    """A conversation for a person: buttons are numbered, and a number taps one."""
    offered = _show(respond(turn(start=True)), say)
    for line in lines:
        numbered = {str(number): choice.id for number, choice in enumerate(offered, start=1)}
        tapped = numbered.get(line.strip())
        offered = _show(respond(turn(choice=tapped) if tapped else turn(text=line)), say)


def _show(response: Response, say: Callable[[str], None]) -> tuple[Choice, ...]:
    offered: tuple[Choice, ...] = ()
    for reply in response.replies:
        say("\n" + reply.full_text)
        offered = reply.choices or offered
    for number, choice in enumerate(offered, start=1):
        say(f"  {number}  {choice.label}")
    return offered


def ask(tools: Tools, text: str, municipality: str | None, language: str | None) -> dict[str, Any]:
    """The first message of a new conversation, and all that was made of it; nothing is stored."""
    state = State(language=language, language_chosen=language is not None, municipality=municipality)
    turn = Turn("terminal", "ask", uuid4().hex, text=text)
    done = decide(Scene(turn, state, None, tools))
    response = response_of(tools, turn, done)
    account = response.account
    sources = {source.brochure: source for reply in response.replies for source in reply.sources}
    return {
        "text": text,
        "language": response.language,
        "kind": account.kind,
        "topics": [{"topic": topic, "service": service} for topic, service in account.topics],
        "form_id": account.form_id if account.kind == "form" else None,
        "prefilled": dict(account.prefilled),
        "command": account.command if account.kind == "control" else None,
        "confidence": round(account.confidence, 3),
        "reply": "\n\n".join(reply.full_text for reply in response.replies),
        "choices": [choice.label for reply in response.replies for choice in reply.choices],
        "sources": [
            {"brochure": source.brochure, "publisher": source.publisher, "municipality": source.municipality}
            for source in sources.values()
        ],
    }
