"""Measures how well the language of short messages is told, on messages written before the rules were tuned.

Reads the messages and counts, per language and half, what `detect` says of them. Which languages are offered
and which one the conversation has are left to the caller, who gives a `detect` that knows them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nlu.evaluation import Share
from nlu.sentences import EvaluationError, read_file

SENTENCES = Path(__file__).with_name("language_sentences.yml")
UNKNOWN = "unknown"
"""In place of a language: names, numbers, service words, mixtures."""
HALVES = ("tuned", "kept")
"""The messages the rules were tuned on, and those that were only counted."""
FLOOR = 0.95
"""The share of all messages that must be named rightly, whatever language the conversation has."""
_OTHER = "other"


@dataclass(frozen=True)
class Message:
    """One short message. `expected` is the language to be named: None where there is none, or none we answer in."""

    text: str
    language: str
    half: str
    expected: str | None


@dataclass(frozen=True)
class Misnamed:
    """A message that was given another language than its own; `got` is None when none was named."""

    message: Message
    got: str | None


@dataclass(frozen=True)
class Naming:
    """The figures: all messages, each half, each language (codes, and `unknown`), and what was named wrongly."""

    total: Share
    halves: Mapping[str, Share]
    languages: Mapping[str, Share]
    misses: tuple[Misnamed, ...]


def read_messages(path: Path = SENTENCES) -> tuple[Message, ...]:
    """The messages of the file, in its order. Raises EvaluationError."""
    content = read_file(path)
    if not isinstance(content, dict) or not isinstance(content.get(_OTHER, {}), dict):
        raise EvaluationError(f"{path.name}: needs languages and, under `{_OTHER}:`, more languages")
    messages: list[Message] = []
    for language, halves in content.items():
        if language == _OTHER:
            for other, other_halves in halves.items():
                messages += _messages(path, other, other_halves, None)
        else:
            messages += _messages(path, language, halves, None if language == UNKNOWN else language)
    return tuple(messages)


def measure(messages: Iterable[Message], detect: Callable[[str], str | None]) -> Naming:
    """Asks about every message and counts what is named as expected. Raises what `detect` raises."""
    asked = [(message, detect(message.text)) for message in messages]
    right = [(message, got == message.expected) for message, got in asked]
    return Naming(
        total=_share(hit for _, hit in right),
        halves={half: _share(hit for message, hit in right if message.half == half) for half in HALVES},
        languages={
            language: _share(hit for message, hit in right if message.language == language)
            for language in dict.fromkeys(message.language for message, _ in asked)
        },
        misses=tuple(Misnamed(message, got) for message, got in asked if got != message.expected),
    )


def table(naming: Naming) -> str:
    """The figures as text, then every miss on a line."""
    rows = {
        "all messages": naming.total,
        "tuned on": naming.halves["tuned"],
        "only counted": naming.halves["kept"],
        **naming.languages,
    }
    wide = max(map(len, rows))
    lines = ["language named rightly", *(f"  {name:{wide}}  {share}" for name, share in rows.items())]
    if naming.misses:
        lines += ["", f"misses ({len(naming.misses)})"]
    for miss in naming.misses:
        meant = miss.message.expected or f"none ({miss.message.language})"
        lines.append(f"  {miss.message.half:5}  {miss.message.text}  | {meant} -> {miss.got or 'none'}")
    return "\n".join(lines) + "\n"


def _messages(path: Path, language: object, halves: object, expected: str | None) -> list[Message]:
    if not isinstance(language, str) or not isinstance(halves, dict) or set(halves) != set(HALVES):
        raise EvaluationError(f"{path.name}: {language} needs {' and '.join(f'`{half}:`' for half in HALVES)}")
    messages: list[Message] = []
    for half in HALVES:
        if not isinstance(halves[half], str):
            raise EvaluationError(f"{path.name}: {half} of {language} is not text, one message a line")
        messages += [Message(text, language, half, expected) for text in halves[half].splitlines() if text.strip()]
    return messages


def _share(hits: Iterable[bool]) -> Share:
    counted = list(hits)
    return Share(sum(counted), len(counted))
