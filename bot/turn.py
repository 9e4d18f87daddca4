"""One message in (`Turn`), and what comes back (`Response` with its `Reply`s and `Choice`s).

Everything the channels and the dialogue tell each other is on this page. No Telegram or HTTP object goes further than
its channel; no conversation state comes out to it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from storage.batons import OpenedLink
from storage.transfers import Carried

CHOICE_ID_BYTES = 64
"""Telegram's limit for the data behind a button; every channel keeps to it."""


@dataclass(frozen=True)
class Choice:
    """A button. Its id says which question it answers, so that a late tap never answers another."""

    id: str
    label: str


@dataclass(frozen=True)
class SourceLine:
    """Where an answer comes from; `label` is what the resident reads after "Källa: "."""

    brochure: str
    publisher: str
    municipality: str | None
    label: str


@dataclass(frozen=True)
class Turn:
    """One message from a resident: a text, a tapped choice, or (`start`) the chat being opened."""

    channel: str
    """web, telegram or terminal."""
    sender: str
    """Who it is on that channel; opaque, and kept only as a keyed fingerprint."""
    message_id: str
    """Unique for the sender; a repeated one is given the same response again."""
    text: str | None = None
    choice: str | None = None
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    municipality: str | None = None
    """From a link (?kommun=, a Telegram deep link); None when the message names none."""
    language: str | None = None
    """How the page is shown; asked for only when the conversation itself cannot be read."""
    place: str | None = None
    """The municipality the page shows; asked for in the same case."""
    reply_to: str | None = None
    """Where replies must be pushed (a Telegram chat id); None when the caller takes them at once."""
    start: bool = False
    other: str | None = None
    """What came instead of a text: media (a picture, a voice message, a place …), an edited message, or nothing that
    anybody wrote (reminder)."""
    carried: OpenedLink | Carried | None = None
    """What a link brought here: a baton that was opened with its code, or a draft from another channel."""


@dataclass(frozen=True)
class Reply:
    """One message out."""

    text: str
    choices: tuple[Choice, ...] = ()
    sources: tuple[SourceLine, ...] = ()
    progress: str | None = None
    """ "Fråga 4 av 11" above a form's question."""
    tone: str = "normal"
    """normal, or urgent for what must be seen first (112)."""
    expects: str | None = None
    """The answer type of the open question, for the right keyboard on a telephone."""
    source_word: str = "Källa"

    @property
    def full_text(self) -> str:
        """Progress, text and sources as a text channel shows them."""
        parts = [self.progress] if self.progress else []
        parts.append(self.text)
        if self.sources:
            parts.append("\n".join(f"{self.source_word}: {source.label}" for source in self.sources))
        return "\n\n".join(parts)


@dataclass(frozen=True)
class DraftProgress:
    """How far a form has come. `slot` is the open question; None at the summary."""

    form_id: str
    slot: str | None
    answered: int
    total: int


@dataclass(frozen=True)
class Receipt:
    """What the resident is told when a form has been sent in."""

    reference: str
    form_id: str
    code: str | None = field(default=None, compare=False)
    """Told once, when it came in; only its fingerprint is kept."""


@dataclass(frozen=True)
class Account:
    """What was made of a message: for `kontakt ask --json`, evaluation and tests."""

    kind: str
    """answer, clarify, no_answer, crisis, form or control."""
    topics: tuple[tuple[str, str], ...] = ()
    """(topic, service) of each answer given."""
    form_id: str | None = None
    prefilled: Mapping[str, Any] = field(default_factory=dict)
    command: str | None = None
    confidence: float = 1.0


@dataclass(frozen=True)
class Response:
    """All that one turn gives back."""

    replies: tuple[Reply, ...]
    language: str
    draft: DraftProgress | None = None
    submission: Receipt | None = None
    account: Account = field(default_factory=lambda: Account(kind="control"))
    municipality: str | None = None
    """The municipality the conversation is about, where it is known."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, as it is kept for a repeated message and sent by the web chat."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Response":
        """The inverse of `to_json`, also after a trip through a JSON text."""
        draft, submission, account = data["draft"], data["submission"], dict(data["account"])
        account["topics"] = tuple((topic, service) for topic, service in account["topics"])
        return Response(
            replies=tuple(reply_from_json(reply) for reply in data["replies"]),
            language=data["language"],
            draft=DraftProgress(**draft) if draft else None,
            submission=Receipt(**submission) if submission else None,
            account=Account(**account),
            municipality=data["municipality"],
        )


def reply_from_json(data: Mapping[str, Any]) -> Reply:
    """One reply as it was stored."""
    values = dict(data)
    values["choices"] = tuple(Choice(**choice) for choice in values["choices"])
    values["sources"] = tuple(SourceLine(**source) for source in values["sources"])
    return Reply(**values)
