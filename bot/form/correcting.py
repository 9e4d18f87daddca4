"""An answer that was wrong, put right in the middle of a form: "nej jag skrev fel, mitt nummer är 070-…".

Finds which answer is meant – by what is told, by what it is called, by the old value, or the last one given – and the
new value, where there is one. Without it the question is opened again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import yaml

from bot.facts.finding import Fact
from bot.facts.names import folded
from bot.form import naming as form_naming
from bot.form.asking import ask, journey_of, open_question
from bot.form.filling import act, take
from bot.form.from_facts import answer_in, can_be_read, facts_in, is_led_to, left_over, values_for
from bot.scene import Outcome, Scene
from bot.turn import Reply
from forms.answer_error import AnswerError
from forms.answer_types import read, show
from forms.conditions import Value
from forms.form import Question, in_language

WAYS = Path(__file__).with_suffix(".yml")
MOST_WORDS = 25
"""Longer texts are answers, whatever they begin with."""
FEW_WORDS = 7
"""Words up to which a text that names an answer, and has no new one, wants to change it and says nothing else."""
_WORDY = ("text", "long_text")
ALIKE = 0.7
"""How much of a word must be the same for the one to be a better spelling of the other."""


@dataclass(frozen=True)
class Correction:
    """Which answer is wrong, and what it is to be; None: nothing says what."""

    question: Question
    value: Value


@dataclass(frozen=True)
class _Ways:
    surely: re.Pattern[str]
    perhaps: re.Pattern[str]
    values: tuple[re.Pattern[str], ...]
    after: re.Pattern[str]
    leave_out: re.Pattern[str]
    surname: re.Pattern[str]
    nothing: re.Pattern[str]
    called: tuple[tuple[str, re.Pattern[str]], ...]


@cache
def load_ways(path: Path = WAYS) -> _Ways:
    """The expressions in `path`, compiled. Raises re.error for a broken one."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    before = data["before"]

    def beginning(entries: Sequence[str]) -> re.Pattern[str]:
        return re.compile(rf"^{before}(?:{'|'.join(entries)})")

    return _Ways(
        surely=beginning(data["surely"]),
        perhaps=beginning(data["perhaps"]),
        values=tuple(re.compile(entry) for entry in data["value"]),
        after=re.compile(data["after"]),
        leave_out=beginning(data["leave_out"]),
        surname=re.compile(data["surname"]),
        nothing=re.compile(data["nothing"]),
        called=tuple((kind, re.compile(rf"(?<!\w){entry}(?!\w)")) for kind, entry in data["called"].items()),
    )


def correct(scene: Scene, text: str) -> Outcome | None:
    """What comes of a text that puts an earlier answer right; None when it is no correction, or of nothing answered."""
    found = find(scene, text, _answered(scene))
    if found is None:
        return None
    if found.value is not None:
        return take(scene, found.question, found.value)
    assert scene.draft is not None
    slot = found.question.slot
    if any(question.slot == slot for question in journey_of(scene).path):
        return act(scene, "change", slot)
    rest = {other: value for other, value in scene.draft.answers.items() if other != slot}
    label = in_language(found.question.label, scene.language)
    return ask(_with_answers(scene, rest)).before(Reply(scene.say("facts.asked_later", label=label)))


def _answered(scene: Scene) -> list[tuple[Question, Value]]:
    """The questions with an answer, also those ahead that were filled from a sentence; the last one given is last."""
    assert scene.form is not None and scene.draft is not None
    draft = scene.draft
    found = [(q, draft.answers[q.slot]) for q in scene.form.questions if draft.answers.get(q.slot) is not None]
    journey = journey_of(scene)
    led_to = [pair for pair in found if is_led_to(journey, pair[0].slot)]
    return sorted(led_to, key=lambda pair: draft.given.get(pair[0].slot, {}).get("at", ""))


def _with_answers(scene: Scene, answers: Mapping[str, Value]) -> Scene:
    assert scene.draft is not None
    return scene.with_draft(replace(scene.draft, answers=answers))


def find(scene: Scene, text: str, known: Sequence[tuple[Question, Value]]) -> Correction | None:
    """Which of the `known` answers a text says is wrong, and the new value; None when it says so of none of them."""
    if not known or len(text.split()) > MOST_WORDS:
        return None
    return _Reader(scene, text, known).correction()


def left_out(scene: Scene, text: str, known: Sequence[tuple[Question, Value]]) -> Question | None:
    """The one of the `known` answers that a text wants left out ("ta bort numret", "inte hunden"), or None."""
    reader = _Reader(scene, text, known)
    return reader.unwanted() if len(text.split()) <= MOST_WORDS else None


class _Reader:
    def __init__(self, scene: Scene, text: str, known: Sequence[tuple[Question, Value]]) -> None:
        self._scene = scene
        self._text = text.strip()
        self._plain = folded(self._text)
        self._known = known
        self._ways = load_ways()

    def correction(self) -> Correction | None:
        surely = self._ways.surely.match(self._plain) is not None
        perhaps = surely or self._ways.perhaps.match(self._plain) is not None
        if perhaps and (found := self._replaced() or self._spelt()):
            return found
        facts = facts_in(self._scene, self._text)
        if surely or self._surname():
            return self._told(facts) or self._named() or self._last()
        own = perhaps and all(fact.whose == "writer" for fact in facts)
        if not facts or left_over(self._text, facts) or (self._answers_what_is_open() and not own):
            return None
        return self._told(facts)

    def _answers_what_is_open(self) -> bool:
        """Whether a text without a word of correction is the open question's answer: a number, a date, a choice."""
        opened = open_question(self._scene)
        return opened is not None and opened.type not in _WORDY and can_be_read(self._scene, opened, self._text)

    def unwanted(self) -> Question | None:
        """The one answer that is named after "ta bort", "inte" and the like."""
        if not self._ways.leave_out.match(self._plain):
            return None
        named = self._slots_named()
        found = [question for question, value in self._known if question.slot in named or self._tells(value)]
        return found[0] if len(found) == 1 else None

    def _tells(self, value: Value) -> bool:
        words = folded(value).split() if isinstance(value, str) else []
        return any(len(word) > 2 and re.search(rf"(?<!\w){re.escape(word)}", self._plain) for word in words)

    # --- which one, and what instead
    def _replaced(self) -> Correction | None:
        """By the old value: "hon är 10 inte 9", "inte femman utan sexan"."""
        for new, old in self._pairs():
            for question, value in reversed(self._known):
                if old is None or not self._means(question, old, value):
                    continue
                wanted = self._read(question, new)
                if wanted is not None and wanted != value:
                    return Correction(question, wanted)
        return None

    def _spelt(self) -> Correction | None:
        """By a word that is nearly the same: "det heter Lindkvist med k"."""
        for new, _ in self._pairs():
            word = new.split(" ")[-1]
            for question, value in reversed(self._known):
                if question.type != "text" or not isinstance(value, str) or len(word) < 3:
                    continue
                near = max(value.split(" "), key=lambda one: _likeness(one, word))
                if folded(near) != folded(word) and _likeness(near, word) >= ALIKE:
                    spelt = word[:1].upper() + word[1:] if near[0].isupper() else word
                    return Correction(question, value.replace(near, spelt))
        return None

    def _told(self, facts: Sequence[Fact]) -> Correction | None:
        """By what is told: a telephone number is the telephone's."""
        assert self._scene.form is not None and self._scene.draft is not None
        kept = {q.slot for q in self._scene.form.questions if q.fact == "writer_role"}
        asked = {question.slot for question, _ in self._known} - kept
        rest = {slot: value for slot, value in self._scene.draft.answers.items() if slot not in asked}
        told = values_for(_with_answers(self._scene, rest), self._scene.form, facts)
        named = self._slots_named()
        found = [(q, told[q.slot]) for q, value in self._known if q.slot in told and told[q.slot] != value]
        best = [pair for pair in found if pair[0].slot in named] or found
        return Correction(*best[-1]) if best and (not named or best[-1][0].slot in named or len(found) == 1) else None

    def _named(self) -> Correction | None:
        """By what it is called: "fel nummer, det ska vara …". Of two that are called the same, the last one given."""
        named = self._slots_named()
        found = [(question, value) for question, value in self._known if question.slot in named]
        for question, value in reversed(found):
            if isinstance(value, str) and (surname := self._surname()) and question.type == "text":
                return Correction(question, f"{value.rpartition(' ')[0] or value} {surname}")
            if (wanted := self._new_value(question, value)) is not None:
                return Correction(question, wanted)
        nothing_else = len(self._text.split()) <= FEW_WORDS
        return Correction(found[0][0], None) if len(found) == 1 and nothing_else else None

    def _last(self) -> Correction | None:
        """The last answer given, when the new one can be read as such."""
        opened = open_question(self._scene)
        if opened is not None and opened.type != "text" and opened.slot not in {q.slot for q, _ in self._known}:
            wanted = self._new_value(opened, None)
            if wanted is not None:
                return Correction(opened, wanted)
        question, value = self._known[-1]
        wanted = self._new_value(question, value)
        return None if wanted is None else Correction(question, wanted)

    def _surname(self) -> str | None:
        """The new last name in "efternamnet är Lindqvist"."""
        match = self._ways.surname.search(self._plain)
        return self._piece(*match.span("new")).capitalize() if match else None

    # --- reading
    def _pairs(self) -> list[tuple[str, str | None]]:
        """(new, old) as they stand in the text, by each way of saying it."""
        found = []
        for pattern in self._ways.values:
            match = pattern.search(self._plain)
            if match is None:
                continue
            groups = match.groupdict()
            new = self._piece(*match.span("new"))
            old = self._piece(*match.span("old")) if groups.get("old") else None
            if new and not self._ways.nothing.fullmatch(folded(new)):
                found.append((new, old))
        return found

    def _piece(self, start: int, end: int) -> str:
        cut = self._ways.after.search(self._plain, start, end)
        return self._text[start : cut.start() if cut else end].strip(" .,!?\"”'")

    def _new_value(self, question: Question, old: Value) -> Value:
        for new, _ in self._pairs():
            value = self._read(question, new)
            if value is not None and value != old:
                return value
        return None

    def _read(self, question: Question, text: str) -> Value:
        if question.type == "long_text" or not text:
            return None
        try:
            told = answer_in(self._scene, question, text)
            return read(question, told, self._scene.language, self._scene.today)
        except AnswerError:
            return None

    def _means(self, question: Question, text: str, value: Value) -> bool:
        shown = folded(show(question, value, self._scene.language))
        return self._read(question, text) == value or folded(text) == shown

    def _slots_named(self) -> frozenset[str]:
        """The known answers that the text names: by their labels, else by what such answers are called."""
        known = {question.slot for question, _ in self._known}
        named = known.intersection(form_naming.slots_named(self._scene, self._text))
        if named:
            return frozenset(named)
        kinds = [kind for kind, pattern in self._ways.called if pattern.search(self._plain)]
        return frozenset(q.slot for q, _ in self._known if any((q.fact or "").endswith(kind) for kind in kinds))


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, folded(one), folded(other)).ratio()
