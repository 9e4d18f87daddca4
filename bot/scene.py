"""What a step of the dialogue may look at (`Scene`, `Tools`) and what it gives back (`Outcome`).

Values in, values out: no step writes anything. `dialogue.respond` saves the outcome, once.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.turn import Account, Choice, Receipt, Reply, Turn
from bot.wording import Wording
from brochures.brochure import Municipality
from brochures.lookup import Library
from forms.form import FALLBACK_LANGUAGE, Form
from nlu.client import Understanding
from storage.conversations import Draft
from storage.missed_questions import MissedQuestion
from storage.submissions import NewSubmission

STOCKHOLM = ZoneInfo("Europe/Stockholm")
"""Days and clock times shown to people are Swedish ones; what is stored is UTC."""


@dataclass(frozen=True)
class State:
    """What a conversation remembers between turns: what was chosen or talked about. No message is in it, but for the
    last question without names and numbers.
    """

    language: str | None = None
    language_chosen: bool = False
    """The resident asked for the language by name; nothing they write changes it."""
    other_language: str | None = None
    """A language the resident wrote in that the bot understands but does not write; told about once."""
    municipality: str | None = None
    topic: str | None = None
    service: str | None = None
    given: tuple[tuple[str, str], ...] = ()
    """(topic, service) of the answers given last."""
    offered: tuple[Choice, ...] = ()
    """The buttons shown last, so that their labels may be typed."""
    pending: str | None = None
    """What the next answer is about: `status`, or `form:<id>[:slot=value]` while the municipality is asked."""
    selecting: tuple[str, ...] | None = None
    """The slot of a question with several answers and the ticks made in it so far."""
    greeted: bool = False
    question: str | None = None
    """What was asked last, names and numbers taken out; told to staff only if the answer did not help."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for storage."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "State":
        """The inverse of `to_json`; an empty mapping is a new conversation. What another version kept is left out."""
        known = {item.name for item in fields(State)}
        values = {name: value for name, value in data.items() if name in known}
        values["offered"] = tuple(Choice(**choice) for choice in values.get("offered", ()))
        values["given"] = tuple((topic, service) for topic, service in values.get("given", ()))
        if values.get("selecting") is not None:
            values["selecting"] = tuple(values["selecting"])
        return State(**values)


@dataclass(frozen=True)
class Tools:
    """The parts a step uses, put together once by the command line."""

    library: Library
    forms: Mapping[str, Form]
    wordings: Mapping[str, Wording]
    understand: Callable[[str], Understanding]
    """Asks the NLU process. Raises nlu.client.NluUnavailableError."""
    status_of: Callable[[str], tuple[str, str, datetime] | None]
    """Reference -> (form id, status, received at), or None."""
    receipt_for: Callable[[str], tuple[str, str] | None]
    """Draft token -> (reference, form id) of what was sent in from it, or None."""
    default_municipality: str | None = None
    web_address: str | None = None
    """Where the web chat is, for channels that hand a form over to it."""
    known_words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Language -> everyday words; only these stay of a question that is kept for staff."""
    forms_by_channel: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Channel -> the forms that may be filled in there; a channel not named takes all."""


@dataclass(frozen=True)
class Scene:
    """One turn seen against its conversation."""

    turn: Turn
    state: State
    draft: Draft | None
    tools: Tools

    @property
    def language(self) -> str:
        """The language to answer in."""
        wanted = self.state.language or FALLBACK_LANGUAGE
        return wanted if wanted in self.tools.wordings else FALLBACK_LANGUAGE

    @property
    def say(self) -> Wording:
        """The bot's own texts in the conversation's language."""
        return self.tools.wordings[self.language]

    @property
    def municipality(self) -> Municipality | None:
        """The resident's municipality where it is known."""
        return self.tools.library.municipality(self.state.municipality) if self.state.municipality else None

    @property
    def today(self) -> date:
        """The day in Sweden when the message came."""
        return self.turn.received_at.astimezone(STOCKHOLM).date()

    @property
    def form(self) -> Form | None:
        """The form of the open draft."""
        return self.tools.forms.get(self.draft.form_id) if self.draft else None

    def remember(self, **changes: Any) -> "Scene":
        """The same scene with some of the state changed."""
        return replace(self, state=replace(self.state, **changes))

    def with_draft(self, draft: Draft | None) -> "Scene":
        """The same scene with another draft open, or none."""
        return replace(self, draft=draft)


@dataclass(frozen=True)
class Outcome:
    """What a turn comes to: replies for the resident, and what the conversation is afterwards."""

    replies: tuple[Reply, ...]
    state: State
    draft: Draft | None
    account: Account
    submission: NewSubmission | None = None
    receipt: Receipt | None = None
    missed: MissedQuestion | None = None
    """A question that staff should hear of."""

    def before(self, *replies: Reply) -> "Outcome":
        """The same outcome with something said first."""
        return replace(self, replies=(*replies, *self.replies))


def outcome(scene: Scene, *replies: Reply, account: Account | None = None, **more: Any) -> Outcome:
    """The outcome of a step that leaves scene's state and draft as they are."""
    return Outcome(replies, scene.state, scene.draft, account or Account("control"), **more)
