"""A kurator, guardians and their conversations, for tests: each with a browser of their own, one clock for all."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from bot.baton.desk import BatonDesk
from bot.dialogue import Dialogue
from bot.turn import Response, Turn
from storage.conversations import find
from storage.database import Database
from storage.submissions import Submission, open_submission

FORM = "ansokan_kontaktgrupp"
KURATOR = "kurator"
ANSWERS = {
    "skyddade_uppgifter": "Nej",
    "vem_fyller_i": "Jag möter familjen i mitt arbete",
    "arende": "Hjälpa en familj att ansöka",
    "familjen_vet": "Ja",
    "barnets_namn": "Elsa Påhittad",
    "arskurs": "5",
    "skola": "Påhittsskolan",
    "behov": "Är ofta ensam",
    "namn": "Kim Kurator",
    "roll": "kurator på skolan",
    "kontaktvag": "Mejla mig",
    "epost": "kim@example.com",
    "vardnadshavare": "Karin Påhittad",
    "vardnadshavare_telefon": "070-174 06 11",
}
"""What the kurator answers; other questions are skipped."""


@dataclass
class HandingOver:
    """Conversations in the web chat. `now` is the time of every turn."""

    dialogue: Dialogue
    database: Database
    now: datetime = datetime(2026, 11, 20, 9, tzinfo=UTC)
    last: dict[str, Response] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def say(self, who: str, text: str | None = None, **turn: Any) -> str:
        """One turn; gives all that was said back."""
        values = {"channel": "web", "received_at": self.now, **turn}
        response = self.dialogue.respond(Turn(sender=who, message_id=f"m{next(self.numbers)}", text=text, **values))
        self.last[who] = response
        buttons = {choice.label: choice.id for reply in response.replies for choice in reply.choices}
        self.labels[who] = self.labels.get(who, {}) | buttons
        return "\n".join(reply.full_text for reply in response.replies)

    def tap(self, who: str, label: str, **turn: Any) -> str:
        """Tap the newest button with this label."""
        return self.say(who, choice=self.labels[who][label], **turn)

    def buttons(self, who: str) -> list[str]:
        """The buttons that are showing."""
        return [choice.label for reply in self.last[who].replies for choice in reply.choices]

    def fill_in(self, who: str = KURATOR, answers: dict[str, str] | None = None, form: str = FORM, **turn: Any) -> str:
        """Fill in the form up to its summary, which is given back."""
        said, answers = self.say(who, choice=f"f:{form}", municipality="vingaker", **turn), answers or ANSWERS
        while (draft := self.last[who].draft) is not None and draft.slot is not None:
            answer, shown = answers.get(draft.slot), self.buttons(who)
            if answer is None:
                said = self.tap(who, "Hoppa över", **turn) if "Hoppa över" in shown else self.tap(who, shown[0], **turn)
            elif answer in shown:
                said = self.tap(who, answer, **turn)
                said = self.tap(who, "Klar", **turn) if "Klar" in self.buttons(who) else said
            else:
                said = self.say(who, answer, **turn)
        return said

    def handed_over(self, guardians: int = 1) -> list[tuple[str, str]]:
        """A form filled in by the kurator and handed over; the link and the code of each guardian."""
        self.fill_in()
        self.tap(KURATOR, "Lämna över till vårdnadshavare")
        return links_in(self.tap(KURATOR, ("En vårdnadshavare", "Två vårdnadshavare")[guardians - 1]))

    def open(self, who: str, link: tuple[str, str], name: str | None = None) -> str:
        """Open a link with its code, and say who it is."""
        opened = self.desk.open_link(*link, self.now)
        said = self.say(who, carried=opened)
        return self.say(who, name) if name else said

    @property
    def desk(self) -> BatonDesk:
        """What the web pages use."""
        return BatonDesk(self.dialogue.tools, self.database)

    def answers_of(self, who: str) -> dict[str, Any]:
        """The answers in the draft that somebody has open."""
        draft = find(self.database, "web", who).draft
        assert draft is not None
        return dict(draft.answers)

    def sent_by(self, who: str) -> Submission:
        """What somebody has just sent in."""
        receipt = self.last[who].submission
        assert receipt is not None
        opened = open_submission(self.database, receipt.reference, actor="vera", at=self.now)
        assert opened is not None
        return opened


def links_in(said: str) -> list[tuple[str, str]]:
    """The links and codes in what the kurator was told."""
    links = re.findall(r"/overlamning/([A-Za-z0-9_-]{20,})", said)
    codes = [code.replace(" ", "") for code in re.findall(r"kod: (\d{3} \d{3})", said)]
    assert links and len(links) == len(codes)
    return list(zip(links, codes, strict=True))
