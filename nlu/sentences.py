"""The sentences the understanding is measured on: what they say and what they mean.

They are written apart from the training data and never trained on. Counting is in `evaluation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

_COMMANDS = frozenset(
    {
        "help", "cancel", "go_back", "ask_status", "my_data", "ask_human", "thank", "greet", "goodbye",
        "change_language", "about_bot", "restart", "resume", "simplify", "not_helped",
    }
)  # fmt: skip
_SMALL_ANSWERS = frozenset({"affirm", "deny", "skip", "dont_know", "why_ask", "correct_answer"})
_CARE = frozenset({"feelings", "fear_of_removal", "parents_told", "protected_identity"})


class EvaluationError(Exception):
    """An evaluation file that cannot be read; says which and why."""


@dataclass(frozen=True)
class Sentence:
    """One sentence and what it means. `service` is None where the sentence names none.

    `also`: intents whose answer tells as much ("can my old neighbour get one": who gets it, and support for adults).
    """

    text: str
    language: str
    style: str
    intent: str
    service: str | None = None
    also: tuple[str, ...] = ()


def read_sentences(directory: Path) -> tuple[Sentence, ...]:
    """All sentences of the evaluation files, in the order of the file names. Raises EvaluationError."""
    sentences: list[Sentence] = []
    for path in sorted(directory.glob("**/*.yml")):
        content = read_file(path)
        entries = content.get("sentences") if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise EvaluationError(f"{path.name}: needs a list under `sentences:`")
        sentences += [_sentence(path, number, entry) for number, entry in enumerate(entries, start=1)]
    return tuple(sentences)


def is_danger(intent: str) -> bool:
    """Whether an intent means danger of any kind, a report of worry included."""
    return intent.startswith("danger_") or intent == "ask_orosanmalan"


def kind_of(intent: str) -> str:
    """The group an intent belongs to: answerable, out_of_scope, danger, start, command, small_answer or care."""
    if is_danger(intent):
        return "danger"
    for kind, intents in (("command", _COMMANDS), ("small_answer", _SMALL_ANSWERS), ("care", _CARE)):
        if intent in intents:
            return kind
    if intent.startswith("start_"):
        return "start"
    return "answerable" if intent.startswith("ask_") else "out_of_scope"


def read_file(path: Path) -> object:
    """What a YAML file holds. Raises EvaluationError."""
    try:
        return yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EvaluationError(f"{path.name}: cannot be read ({' '.join(str(error).split())[:120]})") from None


def _sentence(path: Path, number: int, entry: object) -> Sentence:
    fields: Sequence[str] = ("text", "language", "style", "intent")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(field), str) for field in fields):
        raise EvaluationError(f"{path.name}: sentence {number} needs text, language, style and intent")
    service = entry.get("service")
    if service is not None and not isinstance(service, str):
        raise EvaluationError(f"{path.name}: the service of sentence {number} is not a name")
    also = entry.get("also", [])
    if not isinstance(also, list) or not all(isinstance(intent, str) for intent in also):
        raise EvaluationError(f"{path.name}: `also` of sentence {number} is not a list of intents")
    return Sentence(entry["text"], entry["language"], entry["style"], entry["intent"], service, tuple(also))
