"""Measures understanding on sentences that were never trained on.

Reads the evaluation files, asks an `understand` function about each sentence and counts what came
out right, per group, language and style. Known misses are listed in a file of their own and must
still miss, so that a fix forces the list to shrink. Which figures are good enough is left to the caller.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from nlu.client import Understanding

KNOWN_MISSES = "known_misses.yml"
SURE = 0.5
"""From this confidence on, a topic is counted as given as an answer."""
GROUPS: Mapping[str, str] = {
    "answerable": "answerable, right topic and service",
    "wrong_answer": "a wrong brochure answer given as an answer",
    "out_of_scope": "out of scope seen as such",
    "danger": "danger found",
    "false_alarm": "false alarm",
    "start": "start of the right form",
    "command": "commands",
    "small_answer": "small answers (yes, no, skip …)",
}
"""What is counted, in the order of the table; of `wrong_answer` and `false_alarm` less is better."""
FLOORS = {"answerable": 0.87, "out_of_scope": 0.9, "danger": 0.97, "start": 0.95, "command": 0.92, "small_answer": 0.85}
CEILINGS = {"wrong_answer": 0.05, "false_alarm": 0.015}
"""What the groups must reach and may not pass: a little under, and over, what is measured."""
_COMMANDS = frozenset(
    {
        "help", "cancel", "go_back", "ask_status", "my_data", "ask_human", "thank", "greet", "goodbye",
        "change_language", "about_bot", "restart", "resume",
    }
)  # fmt: skip
_SMALL_ANSWERS = frozenset({"affirm", "deny", "skip", "dont_know", "why_ask", "correct_answer"})


class EvaluationError(Exception):
    """An evaluation file that cannot be read; says which and why."""


@dataclass(frozen=True)
class Sentence:
    """One sentence and what it means. `service` is None where the sentence names none."""

    text: str
    language: str
    style: str
    intent: str
    service: str | None = None


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    hits: int
    total: int

    def __str__(self) -> str:
        return f"{100 * self.hits / self.total:5.1f} %  ({self.hits} of {self.total})" if self.total else "    –"

    @property
    def value(self) -> float:
        """Between 0 and 1; 0 of nothing is 0."""
        return self.hits / self.total if self.total else 0.0


@dataclass(frozen=True)
class Miss:
    """A sentence that was not understood as it should be; `got` is the intent and the services found."""

    sentence: Sentence
    got: str
    confidence: float
    known: bool


@dataclass(frozen=True)
class Evaluation:
    """The figures. `fixed` are known misses that no longer miss and must leave the list."""

    groups: Mapping[str, Share]
    languages: Mapping[str, Share]
    styles: Mapping[str, Share]
    calibration: tuple[tuple[float, Share], ...]
    misses: tuple[Miss, ...]
    fixed: tuple[str, ...]

    @property
    def new_misses(self) -> tuple[Miss, ...]:
        """Misses that are not on the list of known ones."""
        return tuple(miss for miss in self.misses if not miss.known)

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """What is not good enough: shares beyond their floor or ceiling, and known misses that no longer are."""
        low = [f"{name} under {floor:.0%}" for name, floor in FLOORS.items() if self.groups[name].value < floor]
        high = [f"{name} over {ceiling:.1%}" for name, ceiling in CEILINGS.items() if self.groups[name].value > ceiling]
        return (*low, *high, *(f"no longer missed: {text}" for text in self.fixed))


def read_sentences(directory: Path) -> tuple[Sentence, ...]:
    """All sentences of the evaluation files, in the order of the file names. Raises EvaluationError."""
    sentences: list[Sentence] = []
    for path in sorted(directory.glob("**/*.yml")):
        if path.name == KNOWN_MISSES:
            continue
        content = _read(path)
        entries = content.get("sentences") if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise EvaluationError(f"{path.name}: needs a list under `sentences:`")
        sentences += [_sentence(path, number, entry) for number, entry in enumerate(entries, start=1)]
    return tuple(sentences)


def read_known_misses(directory: Path) -> frozenset[str]:
    """Texts of the known misses; none when there is no such file. Raises EvaluationError."""
    path = directory / KNOWN_MISSES
    if not path.exists():
        return frozenset()
    content = _read(path) or []
    if not isinstance(content, list) or not all(isinstance(text, str) for text in content):
        raise EvaluationError(f"{path.name}: needs a list of texts")
    return frozenset(content)


def evaluate(
    sentences: Iterable[Sentence],
    understand: Callable[[str], Understanding],
    known_misses: frozenset[str] = frozenset(),
) -> Evaluation:
    """Asks about every sentence and counts. Raises what `understand` raises."""
    counted = _Counter()
    calibration = _Counter()
    misses: list[Miss] = []
    for sentence in sentences:
        understood = understand(sentence.text)
        right = is_right(sentence, understood)
        counted.add(("language", sentence.language), right)
        counted.add(("style", sentence.style), right)
        for group, hit in _groups(sentence, understood):
            counted.add(("group", group), hit)
        calibration.add(("", str(min(int(understood.confidence * 10), 9))), understood.intent == sentence.intent)
        if not right:
            got = " ".join([understood.intent, *understood.values("service")])
            misses.append(Miss(sentence, got, understood.confidence, sentence.text in known_misses))
    missed = {miss.sentence.text for miss in misses}
    shares = counted.of("group")
    return Evaluation(
        groups={group: shares.get(group, Share(0, 0)) for group in GROUPS},
        languages=counted.of("language"),
        styles=counted.of("style"),
        calibration=tuple((int(step) / 10, share) for step, share in sorted(calibration.of("").items())),
        misses=tuple(misses),
        fixed=tuple(sorted(known_misses - missed)),
    )


def is_right(sentence: Sentence, understood: Understanding) -> bool:
    """Whether the sentence was understood as it should be: danger counts as found whatever its kind."""
    if _is_danger(sentence.intent):
        return _is_danger(understood.intent)
    if understood.intent != sentence.intent:
        return False
    return sentence.service is None or sentence.service == "allmant" or sentence.service in understood.values("service")


def table(evaluation: Evaluation) -> str:
    """The figures as text, then every miss on a line."""
    wide = max(map(len, GROUPS.values()))
    lines = [f"{GROUPS[group]:{wide}}  {share}" for group, share in evaluation.groups.items()]
    for heading, shares in (("per language", evaluation.languages), ("per style", evaluation.styles)):
        lines += ["", heading, *(f"  {name:{wide - 2}}  {share}" for name, share in sorted(shares.items()))]
    lines += ["", "right intent where the confidence was"]
    lines += [f"  {f'{step:.1f} to {step + 0.1:.1f}':{wide - 2}}  {share}" for step, share in evaluation.calibration]
    if evaluation.misses:
        lines += ["", f"misses ({len(evaluation.misses)}, of which {len(evaluation.new_misses)} not known)"]
    for miss in evaluation.misses:
        meant = " ".join(filter(None, (miss.sentence.intent, miss.sentence.service)))
        mark = "known" if miss.known else "  new"
        got = f"{miss.got} {miss.confidence:.2f}"
        lines.append(f"  {mark}  {miss.sentence.language}  {miss.sentence.text}  | {meant} -> {got}")
    if evaluation.fixed:
        lines += ["", "no longer missed, to be taken off the list", *(f"  {text}" for text in evaluation.fixed)]
    return "\n".join(lines) + "\n"


def kind_of(intent: str) -> str:
    """The group an intent belongs to: answerable, out_of_scope, danger, start, command or small_answer."""
    if _is_danger(intent):
        return "danger"
    if intent in _COMMANDS:
        return "command"
    if intent in _SMALL_ANSWERS:
        return "small_answer"
    if intent.startswith("start_"):
        return "start"
    return "answerable" if intent.startswith("ask_") else "out_of_scope"


def _groups(sentence: Sentence, understood: Understanding) -> list[tuple[str, bool]]:
    """The groups a sentence counts in, and whether it is a hit there."""
    kind = kind_of(sentence.intent)
    right = is_right(sentence, understood)
    counts = [(kind, right)]
    if kind != "danger":
        counts.append(("false_alarm", _is_danger(understood.intent)))
    if kind in ("answerable", "out_of_scope"):
        given = kind_of(understood.intent) == "answerable" and understood.confidence >= SURE
        counts.append(("wrong_answer", given and not right))
    return counts


def _is_danger(intent: str) -> bool:
    return intent.startswith("danger_") or intent == "ask_orosanmalan"


class _Counter:
    """Counts hits and totals per key."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], list[int]] = {}

    def add(self, key: tuple[str, str], hit: bool) -> None:
        count = self._counts.setdefault(key, [0, 0])
        count[0] += hit
        count[1] += 1

    def of(self, kind: str) -> dict[str, Share]:
        return {name: Share(*count) for (of_kind, name), count in self._counts.items() if of_kind == kind}


def _sentence(path: Path, number: int, entry: object) -> Sentence:
    fields: Sequence[str] = ("text", "language", "style", "intent")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(field), str) for field in fields):
        raise EvaluationError(f"{path.name}: sentence {number} needs text, language, style and intent")
    service = entry.get("service")
    if service is not None and not isinstance(service, str):
        raise EvaluationError(f"{path.name}: the service of sentence {number} is not a name")
    return Sentence(entry["text"], entry["language"], entry["style"], entry["intent"], service)


def _read(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EvaluationError(f"{path.name}: cannot be read ({' '.join(str(error).split())[:120]})") from None
