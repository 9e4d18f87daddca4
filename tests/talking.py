"""One resident's conversation, for tests: a clock of its own, buttons by their labels, forms filled in by slot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from bot.dialogue import Dialogue
from bot.turn import Response, Turn
from storage import conversations
from storage.conversations import Conversation, Draft
from storage.database import Database

APPLICATION = {
    "vem_fyller_i": "mamma",
    "barnets_namn": "Alva Fiktiv",
    "arskurs": "5",
    "namn": "Karin Fiktiv",
    "kontaktvag": "mejla mig",
    "epost": "karin.fiktiv@example.com",
}
"""An application to a kontaktgrupp by a guardian; what is not here is skipped."""
CONTACT = {"kontaktvag": "mejla mig", "epost": "karin.fiktiv@example.com"}
"""Asking to be contacted."""


@dataclass
class Talking:
    """A conversation. `now` is the time of every turn; `last` what was said back last."""

    dialogue: Dialogue
    database: Database
    now: datetime = datetime(2026, 11, 20, 9, tzinfo=UTC)
    channel: str = "web"
    sender: str = "a"
    reply_to: str | None = None
    last: Response | None = None
    labels: dict[str, str] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def say(self, text: str | None = None, **turn: Any) -> str:
        """One turn; gives all that was said back."""
        values = {"received_at": self.now, "reply_to": self.reply_to, "message_id": f"m{next(self.numbers)}", **turn}
        self.last = self.dialogue.respond(Turn(self.channel, self.sender, text=text, **values))
        self.labels |= {choice.label: choice.id for reply in self.last.replies for choice in reply.choices}
        return "\n".join(reply.full_text for reply in self.last.replies)

    def tap(self, label: str) -> str:
        """The newest button with this label."""
        return self.say(choice=self.labels[label])

    def begin(self, form_id: str, municipality: str = "vingaker") -> str:
        """Open a form and say that nobody has protected personal data."""
        self.say(choice=f"f:{form_id}", municipality=municipality)
        return self.tap("Nej")

    def fill(self, answers: Mapping[str, str], until: str | None = None) -> str:
        """Answer from the open question on, up to the question `until` or the summary."""
        said = ""
        for _ in range(60):
            assert self.last is not None
            assert self.last.draft is not None, said
            slot = self.last.draft.slot
            if slot in (until, None):
                return said
            said = self.say(answers.get(str(slot), "hoppa över"))
        raise AssertionError(f"the form does not end: {said}")

    def send(self, form_id: str, answers: Mapping[str, str]) -> tuple[str, str]:
        """Fill in a form and send it; its reference and code."""
        self.begin(form_id)
        self.fill(answers)
        self.tap("Skicka in")
        assert self.last is not None
        receipt = self.last.submission
        assert receipt is not None
        assert receipt.code is not None
        return receipt.reference, receipt.code

    @property
    def slot(self) -> str | None:
        """The open question."""
        assert self.last is not None
        assert self.last.draft is not None
        return self.last.draft.slot

    @property
    def kept(self) -> Conversation:
        """The conversation as it is stored."""
        return conversations.find(self.database, self.channel, self.sender)

    @property
    def draft(self) -> Draft:
        """The open form as it is stored."""
        draft = self.kept.draft
        assert draft is not None
        return draft
