"""Measures understanding on sentences that were never trained on: shares per group, language and style, calibration.

Asks an `understand` function about each sentence and counts. Danger is counted as the product finds it, by all its
means together, and by each alone. What is good enough stands in FLOORS and CEILINGS; the caller decides what follows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from nlu.client import Understanding
from nlu.sentences import Sentence, is_danger, kind_of

GROUPS: Mapping[str, str] = {
    "answerable": "answerable, right topic and service",
    "wrong_answer": "a wrong brochure answer given as an answer",
    "out_of_scope": "out of scope seen as such",
    "danger": "danger found",
    "false_alarm": "false alarm",
    "start": "start of the right form",
    "command": "commands",
    "other_languages": "answerable in the other seven languages",
    "small_answer": "small answers (yes, no, skip …)",
    "care": "feelings, fears, protected identity",
}
"""What is counted, in the order of the table; of `wrong_answer` and `false_alarm` less is better."""
FLOORS = {
    "answerable": 0.92,
    "out_of_scope": 0.92,
    "danger": 0.99,
    "start": 0.96,
    "command": 0.97,
    "other_languages": 0.85,
    "small_answer": 0.85,
    "care": 0.85,
}
CEILINGS = {"wrong_answer": 0.04, "false_alarm": 0.02}
"""What the groups must reach and may not pass."""
WORST_CALIBRATION = 0.05
"""Ceiling of the expected calibration error."""
WRITTEN_LANGUAGES = ("sv", "en")
STEPS = 10
"""Confidence is read in tenths."""

Means = Callable[[str, Understanding], bool]
"""Whether a text, with what was understood of it, tells of danger."""


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


@dataclass(frozen=True)
class Evaluation:
    """The figures. `danger_by`: each means of finding danger alone; `calibration`: from a confidence on, right intents.

    `calibration_error` is the expected calibration error: how far the mean confidence of each tenth is from its share
    of right intents, weighed by its size.
    """

    groups: Mapping[str, Share]
    danger_by: Mapping[str, Share]
    languages: Mapping[str, Share]
    styles: Mapping[str, Share]
    calibration: tuple[tuple[float, Share], ...]
    calibration_error: float
    misses: tuple[Miss, ...]

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """What is not good enough, one line each."""
        low = [f"{name} under {floor:.0%}" for name, floor in FLOORS.items() if self.groups[name].value < floor]
        high = [f"{name} over {ceiling:.1%}" for name, ceiling in CEILINGS.items() if self.groups[name].value > ceiling]
        if self.calibration_error > WORST_CALIBRATION:
            high.append(f"calibration error over {WORST_CALIBRATION}")
        return (*low, *high)


def evaluate(
    sentences: Iterable[Sentence],
    understand: Callable[[str], Understanding],
    means: Mapping[str, Means],
    sure: float,
) -> Evaluation:
    """Asks about every sentence and counts. Raises what `understand` raises.

    `means`: name -> one way of finding danger; a sentence is dangerous when any of them says so. `sure`: from this
    confidence on a topic is given as an answer.
    """
    counted = _Counter()
    confidences: dict[int, list[tuple[float, bool]]] = {}
    misses: list[Miss] = []
    for sentence in sentences:
        understood = understand(sentence.text)
        by_means = {name: finds(sentence.text, understood) for name, finds in means.items()}
        alarm = any(by_means.values())
        right = is_right(sentence, understood, alarm)
        counted.add(("language", sentence.language), right)
        counted.add(("style", sentence.style), right)
        for group, hit in _groups(sentence, understood, right, alarm, sure):
            counted.add(("group", group), hit)
        if is_danger(sentence.intent):
            for name, found in by_means.items():
                counted.add(("danger_by", name), found)
        step = min(int(understood.confidence * STEPS), STEPS - 1)
        as_meant = understood.intent in (sentence.intent, *sentence.also)
        confidences.setdefault(step, []).append((understood.confidence, as_meant))
        if not right:
            got = " ".join([*(["danger"] if alarm else []), understood.intent, *understood.values("service")])
            misses.append(Miss(sentence, got, understood.confidence))
    shares = counted.of("group")
    return Evaluation(
        groups={group: shares.get(group, Share(0, 0)) for group in GROUPS},
        danger_by=counted.of("danger_by"),
        languages=counted.of("language"),
        styles=counted.of("style"),
        calibration=tuple(
            (step / STEPS, Share(sum(hit for _, hit in seen), len(seen))) for step, seen in sorted(confidences.items())
        ),
        calibration_error=_calibration_error(confidences.values()),
        misses=tuple(misses),
    )


def is_right(sentence: Sentence, understood: Understanding, alarm: bool) -> bool:
    """Whether a sentence was taken as it should be: danger when any means found it, all else only without alarm."""
    if is_danger(sentence.intent) or alarm:
        return is_danger(sentence.intent) and alarm
    if understood.intent not in (sentence.intent, *sentence.also):
        return False
    return sentence.service is None or sentence.service == "allmant" or sentence.service in understood.values("service")


def table(evaluation: Evaluation) -> str:
    """The figures as text, then every miss on a line."""
    wide = max(map(len, GROUPS.values()))
    lines = [f"{GROUPS[group]:{wide}}  {share}" for group, share in evaluation.groups.items()]
    lines += [f"{f'danger found by {name} alone':{wide}}  {share}" for name, share in evaluation.danger_by.items()]
    for heading, shares in (("per language", evaluation.languages), ("per style", evaluation.styles)):
        lines += ["", heading, *(f"  {name:{wide - 2}}  {share}" for name, share in sorted(shares.items()))]
    lines += ["", "right intent where the confidence was"]
    lines += [f"  {f'{step:.1f} to {step + 0.1:.1f}':{wide - 2}}  {share}" for step, share in evaluation.calibration]
    lines += [f"{'expected calibration error':{wide}}   {evaluation.calibration_error:.3f}"]
    if evaluation.misses:
        lines += ["", f"misses ({len(evaluation.misses)})"]
    for miss in evaluation.misses:
        meant = " ".join(filter(None, (miss.sentence.intent, miss.sentence.service)))
        got = f"{miss.got} {miss.confidence:.2f}"
        lines.append(f"  {miss.sentence.language}  {miss.sentence.text}  | {meant} -> {got}")
    return "\n".join(lines) + "\n"


def _groups(
    sentence: Sentence, understood: Understanding, right: bool, alarm: bool, sure: float
) -> list[tuple[str, bool]]:
    """The groups a sentence counts in, and whether it is a hit there."""
    kind = kind_of(sentence.intent)
    counts = [(kind, right)]
    if kind != "danger":
        counts.append(("false_alarm", alarm))
    if kind == "answerable" and sentence.language not in WRITTEN_LANGUAGES:
        counts.append(("other_languages", right))
    if kind in ("answerable", "out_of_scope"):
        given = kind_of(understood.intent) == "answerable" and understood.confidence >= sure and not alarm
        counts.append(("wrong_answer", given and not right))
    return counts


def _calibration_error(steps: Iterable[list[tuple[float, bool]]]) -> float:
    seen = list(steps)
    total = sum(map(len, seen))
    gaps = [abs(sum(confidence - hit for confidence, hit in step)) for step in seen]
    return sum(gaps) / total if total else 0.0


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
