"""Residents who fill in forms to the end, one after the other, and remember what they answered.

They go by the form's definition and the buttons that they are shown, so that any form will do. What they know
afterwards – which messages were acknowledged, what was answered, which references they were given – is what the
database must agree with (`checks`).
"""

import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter

from bot.wording import Wording
from forms.conditions import Value
from forms.form import Form, Question, in_language
from forms.journey import Journey
from reliability.answers import tappable, typed
from reliability.lines import Heard, Line, LineError

QUESTIONS = (
    "Vad kostar en kontaktfamilj?",
    "vad gör en kontaktperson",
    "Hur ofta träffas man i kontaktgruppen?",
    "hjälp",
)
"""Asked between forms; the NLU process is asked what they mean."""
RECEIPTS = ("form.reference", "form.already")
"""The wordings that tell a reference."""
ANOTHER = 0.3
"""How often somebody else begins when a form is sent."""
ASKS_WHY, CHANGES, TAPS_TWICE, ASKS = 0.05, 0.05, 0.2, 0.3


@dataclass
class Filling:
    """One form being filled in: what has been answered and acknowledged so far."""

    form: Form
    token: str = ""
    answers: dict[str, Value] = field(default_factory=dict)
    reference: str | None = None

    @property
    def journey(self) -> Journey:
        """How far it has come."""
        return Journey(self.form, self.answers)


@dataclass
class Conversation:
    """One resident's conversation on one line, with every form that was begun in it."""

    line: Line
    fillings: list[Filling] = field(default_factory=list)


@dataclass(frozen=True)
class World:
    """What all residents share: the forms, which municipality takes which on a channel, and how a receipt reads."""

    forms: Mapping[str, Form]
    offered: Mapping[str, Mapping[str, Sequence[str]]]
    """Channel -> municipality -> form ids."""
    say: Wording

    def reference_in(self, text: str) -> str | None:
        """The reference in a receipt; None when the text is none."""
        for key in RECEIPTS:
            if found := re.search(_pattern(self.say.texts[key]), text):
                return found["reference"]
        return None


def _pattern(wording: str) -> str:
    """A wording as a regular expression, whatever its fields are filled with."""
    parts = []
    for literal, name, _, _ in Formatter().parse(wording):
        field_of = "(?P<reference>[0-9A-Z]{8})" if name == "reference" else ".+?"
        parts.append(re.escape(literal) + (field_of if name else ""))
    return "".join(parts)


class Resident:
    """Fills in forms until told to stop, and waits `pause` seconds (on average) before each message."""

    def __init__(
        self,
        world: World,
        open_line: Callable[[], Line],
        choose: random.Random,
        stop: threading.Event,
        pause: float = 0,
    ) -> None:
        self._world, self._open_line, self._choose = world, open_line, choose
        self._stop, self._pause = stop, pause
        self.conversations: list[Conversation] = []
        self.problems: list[str] = []

    def run(self) -> None:
        """Until it is time to stop. What went wrong is in `problems`; somebody else takes over then."""
        try:
            while not self._stop.is_set():
                self._go_on()
        finally:
            if self.conversations:
                self.conversations[-1].line.hang_up()

    def _go_on(self) -> None:
        if not self.conversations or self._choose.random() < ANOTHER:
            self._begin_another()
        try:
            self._fill_in(self.conversations[-1])
        except Exception as error:
            # Broad on purpose: whatever it was, it is told at the end, and nobody falls silent.
            self.problems.append(f"{self.conversations[-1].line.channel}: {type(error).__name__}: {error}")
            self._begin_another()

    def _begin_another(self) -> None:
        if self.conversations:
            self.conversations[-1].line.hang_up()
        self.conversations.append(Conversation(self._open_line()))

    def _fill_in(self, conversation: Conversation) -> None:
        line, choose = conversation.line, self._choose
        offered = self._world.offered[line.channel]
        place = choose.choice(sorted(offered))
        form = self._world.forms[choose.choice(offered[place])]
        self._ask(line, {"choice": f"m:{place}"}, lambda heard: True)
        filling = Filling(form)
        conversation.fillings.append(filling)
        heard = self._ask(line, {"choice": f"f:{form.id}"}, _asks(form, {}))
        filling.token = _token(heard)
        while (question := filling.journey.next_question) is not None and not self._stop.is_set():
            heard = self._answer(line, filling, question, heard)
        if question is None and not self._stop.is_set():
            self._submit(line, filling)
        if not self._stop.is_set() and choose.random() < ASKS:
            self._ask(line, {"text": choose.choice(QUESTIONS)}, lambda heard: True)

    def _answer(self, line: Line, filling: Filling, question: Question, heard: Heard) -> Heard:
        choose, buttons = self._choose, [choice_id for choice_id, _ in heard.choices]
        why = f"d:{filling.token}:why:{question.slot}"
        if why in buttons and question.why and choose.random() < ASKS_WHY:
            reason = in_language(question.why, "sv")
            self._ask(line, {"choice": why}, lambda heard: reason in heard.text)
        if filling.answers and choose.random() < CHANGES:
            return self._change(line, filling) or heard
        skip = f"d:{filling.token}:skip:{question.slot}"
        if skip in buttons and choose.random() < 0.3:
            return self._take(line, filling, question, {"choice": skip}, None)
        if question.type == "multi_choice":
            return self._tick(line, filling, question)
        if options := tappable(question):
            value = choose.choice(sorted(options))
            tap = f"a:{filling.token}:{question.slot}:{value}"
            if tap not in buttons:
                raise LineError(f"no button {tap} among {buttons}")
            return self._take(line, filling, question, {"choice": tap}, options[value])
        text, read = typed(question, choose)
        return self._take(line, filling, question, {"text": text}, read)

    def _change(self, line: Line, filling: Filling) -> Heard | None:
        """Tap an old button: another answer to a question that was answered before."""
        earlier = [one for one in filling.journey.path if one.slot in filling.answers and tappable(one)]
        if not earlier:
            return None
        question = self._choose.choice(earlier)
        options = tappable(question)
        value = self._choose.choice(sorted(options))
        tap = f"a:{filling.token}:{question.slot}:{value}"
        return self._take(line, filling, question, {"choice": tap}, options[value])

    def _tick(self, line: Line, filling: Filling, question: Question) -> Heard:
        most = min(question.maximum or 3, 3, len(question.options))
        wanted = self._choose.sample(question.options, self._choose.randint(min(question.minimum or 1, most), most))
        for number, option in enumerate(wanted, start=1):
            tap = f"a:{filling.token}:{question.slot}:+{option.value}"
            self._ask(line, {"choice": tap}, _ticked(filling.token, question.slot, number))
        value: list[str] = [option.value for option in question.options if option in wanted]
        return self._take(line, filling, question, {"choice": f"a:{filling.token}:{question.slot}:*"}, value)

    def _take(self, line: Line, filling: Filling, question: Question, said: Mapping[str, str], value: Value) -> Heard:
        after = {**filling.answers, question.slot: value}
        heard = self._ask(line, said, _asks(filling.form, after, filling.token))
        filling.answers = after
        return heard

    def _submit(self, line: Line, filling: Filling) -> None:
        tap = {"choice": f"d:{filling.token}:submit"}
        if self._choose.random() < TAPS_TWICE:
            line.tell(tap)
        heard = self._ask(line, tap, lambda heard: self._world.reference_in(heard.text) is not None)
        filling.reference = self._world.reference_in(heard.text)

    def _ask(self, line: Line, said: Mapping[str, str], wanted: Callable[[Heard], bool]) -> Heard:
        if self._pause:
            self._stop.wait(self._choose.uniform(0, 2 * self._pause))
        return line.ask(said, wanted)


def _asks(form: Form, answers: Mapping[str, Value], token: str = "") -> Callable[[Heard], bool]:
    """Whether a reply asks the question that comes next, or is the summary where there is none."""
    question = Journey(form, answers).next_question

    def wanted(heard: Heard) -> bool:
        if not any(choice_id.startswith(f"d:{token}") for choice_id, _ in heard.choices):
            return False
        if question is None:
            return any(choice_id.split(":")[2:3] == ["submit"] for choice_id, _ in heard.choices)
        return in_language(question.text, "sv") in heard.text

    return wanted


def _ticked(token: str, slot: str, number: int) -> Callable[[Heard], bool]:
    def wanted(heard: Heard) -> bool:
        options = [label for choice_id, label in heard.choices if choice_id.startswith(f"a:{token}:{slot}:+")]
        return sum(label.startswith("✓") for label in options) == number

    return wanted


def _token(heard: Heard) -> str:
    return next(choice_id.split(":")[1] for choice_id, _ in heard.choices if choice_id.startswith("d:"))
