"""What a form conversation comes to, in plain Python: the model that the real dialogue and storage are compared with.

One small form with one feature of each kind; nothing here knows of Kontakt. A button is known by its id, as in
`bot/choices.py`, and answers its own question or nothing.
"""

from dataclasses import dataclass, field
from typing import Any

CHOICE, SEVERAL, NAME, MORE = "vem", "vilka", "namn", "mer"
OPTIONS = ("ett", "tva", "stopp")
STOPS = "stopp"
TICKS = ("rod", "gul", "bla")
"""`vilka` is asked when `vem` is "tva"; `mer` may be skipped."""


@dataclass(frozen=True)
class Said:
    """A message: tap (a button's id), text (words that are no button, no command and no question) or other."""

    kind: str
    value: str = ""


@dataclass
class Expected:
    """One conversation as it should be. `token` is None while no form is open."""

    token: str | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    asking: str | None = None
    ticked: tuple[str, ...] | None = None
    """The slot of a question with several answers, and what is ticked in it."""
    awaits: str | None = None
    """What the bot asked last beside the form: whether to cancel, or what to change."""
    sent_in: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Token -> answers of every form that was sent in."""
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What stands behind "Skicka in" -> the answers that the summary showed."""

    # -- where it is -----------------------------------------------------------------------------------------------

    def path(self) -> list[str]:
        """The questions up to the first that has no answer."""
        slots = [CHOICE, SEVERAL, NAME, MORE] if self.answers.get(CHOICE) == "tva" else [CHOICE, NAME, MORE]
        gap = next((number for number, slot in enumerate(slots) if slot not in self.answers), len(slots) - 1)
        return slots[: gap + 1]

    def next_question(self) -> str | None:
        """The first without an answer."""
        return next((slot for slot in self.path() if slot not in self.answers), None)

    def open_question(self) -> str | None:
        """The one that a text answers; None at the summary."""
        return self.asking if self.asking in self.path() else self.next_question()

    def relevant(self) -> dict[str, Any]:
        """The answers on the path."""
        return {slot: self.answers[slot] for slot in self.path() if slot in self.answers}

    # -- what happens ----------------------------------------------------------------------------------------------

    def hear(self, said: Said, token: str) -> None:
        """One message, handled for the first time. `token` is the one that a form gets if this opens it."""
        awaited, self.awaits = self.awaits, None
        if said.kind == "text":
            self._text(said.value, awaited)
        elif said.kind == "tap":
            kind, *fields = said.value.split(":", 3)
            if kind == "f" and self.token is None:
                self.token, self.answers, self.asking, self.ticked = token, {}, None, None
            elif self.token is not None and fields[0] == self.token:
                detail = fields[2] if len(fields) > 2 else ""
                (self._answer if kind == "a" else self._act)(fields[1], detail)

    def _text(self, text: str, awaited: str | None) -> None:
        if self.token is None:
            return
        if awaited:
            self.awaits = awaited
        elif self.open_question() in (NAME, MORE):
            self._take(self.open_question() or "", text)

    def _answer(self, slot: str, value: str) -> None:
        if slot not in self.path():
            return
        if slot == SEVERAL:
            self._tick(value)
        elif slot == CHOICE and value in OPTIONS:
            self._take(slot, value)

    def _tick(self, value: str) -> None:
        kept = self.answers.get(SEVERAL) or []
        ticks = list(self.ticked[1:] if self.ticked and self.ticked[0] == SEVERAL else kept)
        if value == "*":
            if ticks:
                self._take(SEVERAL, [tick for tick in TICKS if tick in ticks])
        elif (tick := value.removeprefix("+")) in TICKS:
            ticks.remove(tick) if tick in ticks else ticks.append(tick)
            self.ticked, self.asking = (SEVERAL, *ticks), SEVERAL

    def _take(self, slot: str, value: Any) -> None:
        if self.open_question() == slot:
            self.asking = self.ticked = None
        self.answers = {**self.answers, slot: value}
        if value == STOPS and slot == CHOICE:
            self._end()

    def _act(self, action: str, detail: str) -> None:
        if action == "submit" and self.open_question() is None:
            assert self.token is not None
            if not detail or self.shown.get(detail) == self.relevant():
                self.sent_in[self.token] = self.relevant()
                self._end()
        elif action == "cancel" and detail == "yes":
            self._end()
        elif action in ("cancel", "change") and not detail:
            self.awaits = action
        elif action in ("keep", "summary"):
            self.asking = None
        elif action == "change" and detail in self.path():
            self.asking, self.ticked = detail, None
        elif action == "back":
            self._back(detail)
        elif action == "skip" and detail == MORE in self.path() and self.open_question() == MORE:
            self._take(MORE, None)

    def _back(self, slot: str) -> None:
        path = self.path()
        if slot in path and path.index(slot) == 0:
            return
        self.asking, self.ticked = path[path.index(slot) - 1] if slot in path else path[-1], None

    def _end(self) -> None:
        self.token, self.answers, self.asking, self.ticked = None, {}, None, None
