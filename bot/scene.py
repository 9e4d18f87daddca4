"""What a step of the dialogue may look at (`Scene`, `Tools`) and what it gives back (`Outcome`).

Values in, values out: no step writes anything. `dialogue.respond` saves the outcome, once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from bot.baton.tools import BatonTools
from bot.sent.remembered import Copy, Sent, copies_from_json, sent_from_json
from bot.turn import Account, Choice, Receipt, Reply, Turn
from bot.wording import Wording
from brochures.brochure import Municipality
from brochures.lookup import Library
from forms.form import FALLBACK_LANGUAGE, Form
from forms.loader import form_from_snapshot
from nlu.client import Understanding
from storage.additions import Request
from storage.conversations import Draft
from storage.effects import Effect
from storage.form_snapshots import Snapshot
from storage.missed_questions import MissedQuestion
from storage.status_codes import Locked, Status, WrongCode
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
    proposed: tuple[tuple[str, Any], ...] = ()
    """(slot, value) of what was understood of a sentence and waits to be confirmed; gone with its form."""
    batons: tuple[str, ...] = ()
    """Tokens of what was handed over to guardians from here."""
    sheets: tuple[tuple[str, ...], ...] = ()
    """(baton, number, called, link token, code, ISO time) of links made lately, for the page to print."""
    opened: tuple[tuple[str, ...], ...] = ()
    """(draft token, baton, number) of the links that were opened here."""
    sent: tuple[Sent, ...] = ()
    """What was sent in from here, oldest first."""
    copies: tuple[Copy, ...] = ()
    """Answers that a sibling's application, or a new one, can begin with."""
    reach: tuple[str, str] | None = None
    """(sender, where replies go) while somebody may have to be reminded or asked; only where replies are pushed."""
    told: tuple[str, ...] = ()
    """What was pushed without being asked for, so that each is pushed once."""

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
        values["proposed"] = tuple((slot, value) for slot, value in values.get("proposed", ()))
        values["batons"] = tuple(values.get("batons", ()))
        for name in ("sheets", "opened"):
            values[name] = tuple(tuple(row) for row in values.get(name, ()))
        values["sent"] = sent_from_json(values.get("sent"))
        values["copies"] = copies_from_json(values.get("copies"))
        values["told"] = tuple(values.get("told", ()))
        if values.get("reach") is not None:
            values["reach"] = tuple(values["reach"])
        return State(**values)


class StatusOf(Protocol):
    """Tells the status to whoever has reference and code: storage.status_codes.status_of, without the database."""

    def __call__(self, reference: str, code: str, *, at: datetime) -> Status | WrongCode | Locked | None:
        """A wrong code is counted. None for what cannot be a reference."""


def _nothing(reference: str) -> None:
    return None


def _no_requests(reference: str) -> tuple[Request, ...]:
    return ()


def _not_known(draft: Draft | None, at: datetime) -> Mapping[str, date | None]:
    return {}


@dataclass(frozen=True)
class _FormText:
    """A form's snapshot, known by its digest alone."""

    digest: str
    snapshot: Snapshot = field(compare=False)


@lru_cache(maxsize=64)
def _form_of(text: _FormText) -> Form:
    """The form of a snapshot, read once for each text."""
    return form_from_snapshot(text.snapshot)


@dataclass(frozen=True)
class Tools:
    """The parts a step uses, put together once by the command line."""

    library: Library
    forms: Mapping[str, Form]
    wordings: Mapping[str, Wording]
    understand: Callable[[str], Understanding]
    """Asks the NLU process. Raises nlu.client.NluUnavailableError."""
    status_of: StatusOf
    """Reference and code -> what is told of it."""
    receipt_for: Callable[[str], tuple[str, str] | None]
    """Draft token -> (reference, form id) of what was sent in from it, or None."""
    default_municipality: str | None = None
    web_address: str | None = None
    """Where the web chat is, for channels that hand a form over to it."""
    known_words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Language -> everyday words; only these stay of a question that is kept for staff."""
    forms_by_channel: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Channel -> the forms that may be filled in there; a channel not named takes all."""
    batons: BatonTools | None = None
    """To hand forms on; None where nothing is stored."""
    own_status: Callable[[str], tuple[str, str, datetime] | None] = _nothing
    """Reference of something sent in from this conversation -> (form id, status, received at), or None."""
    requests_of: Callable[[str], Sequence[Request]] = _no_requests
    """Reference of something sent in from this conversation -> what staff ask and wait for."""
    kept: Callable[[Draft | None, datetime], Mapping[str, date | None]] = _not_known
    """What is kept of a conversation with that draft -> the last day on which it is when nothing more happens; None:
    it is not removed by itself."""


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
        """The form of the open draft, as it was when the draft was begun."""
        if self.draft is None:
            return None
        kept = self.draft.form
        if kept is None:  # begun before forms were kept with drafts
            return self.tools.forms.get(self.draft.form_id)
        snapshot = kept if isinstance(kept, Snapshot) else Snapshot(kept)
        return _form_of(_FormText(snapshot.digest, snapshot))

    def remember(self, **changes: Any) -> "Scene":
        """The same scene with some of the state changed."""
        return replace(self, state=replace(self.state, **changes))

    def with_draft(self, draft: Draft | None) -> "Scene":
        """The same scene with another draft open, or none; what was proposed for a form goes with it."""
        waits = draft is not None or (self.draft is None and (self.state.pending or "").startswith("form:"))
        state = self.state if waits else replace(self.state, proposed=())
        return replace(self, state=state, draft=draft)


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
    effects: tuple[Effect, ...] = ()
    """What the turn does beside its own conversation."""

    def before(self, *replies: Reply) -> "Outcome":
        """The same outcome with something said first."""
        return replace(self, replies=(*replies, *self.replies))


def outcome(scene: Scene, *replies: Reply, account: Account | None = None, **more: Any) -> Outcome:
    """The outcome of a step that leaves scene's state and draft as they are."""
    return Outcome(replies, scene.state, scene.draft, account or Account("control"), **more)
