"""What the brochures say, as plain frozen values: facts, our answers about them, vocabulary and municipalities.

The values are made by `loader.py` from the YAML files of this folder and found through `lookup.py`. Nothing here reads
a file, chooses an answer or knows about a conversation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

LANGUAGES = ("sv", "en")
"""The languages every text for people is written in; the first is used when another one is asked for."""

GENERAL_SERVICE = "allmant"
"""The service of answers that concern every kind of support."""

KINDS = ("folder", "webbsida", "e-tjänst")
"""What a brochure can be."""

Texts = Mapping[str, str]
"""One text per language, keyed by `sv` and `en`."""


class BrochureError(Exception):
    """A file of the brochure folder cannot be used; says which file, which entry in it, and why."""

    def __init__(self, file: Path, entry: str, reason: str) -> None:
        super().__init__(f"{file}: {entry}: {reason}")
        self.file = file
        self.entry = entry
        self.reason = reason


@dataclass(frozen=True)
class Fact:
    """One statement of a brochure in our own words. `id` is `<brochure>.<name>`.

    `note` says how the statement differs from the law in force; an answer that cites it must carry the corrected rule.
    """

    id: str
    text: str
    note: str | None


@dataclass(frozen=True)
class Brochure:
    """A text a municipality or an authority has published. `label` is how it is named in a source line."""

    id: str
    title: Texts
    label: Texts
    kind: str
    publisher: str
    municipality: str | None
    published: date | None
    updated: date | None
    facts: tuple[Fact, ...]

    @property
    def dated(self) -> date | None:
        """The latest date the brochure itself states, or None."""
        return self.updated or self.published


@dataclass(frozen=True)
class Source:
    """Where an answer comes from, in the language of the answer. `dated` is the brochure's own date, if it has one."""

    brochure: str
    publisher: str
    municipality: str | None
    label: str
    dated: date | None


@dataclass(frozen=True)
class Answer:
    """Our own sentences on one topic of one service in one language.

    `municipality` is None for the answer that holds everywhere. `easy` is a simpler Swedish version, if there is one.
    `facts` are ids, `sources` the brochures they stand in, `related` are (topic, service) pairs worth asking next.
    """

    topic: str
    service: str
    municipality: str | None
    language: str
    text: str
    easy: str | None
    facts: tuple[str, ...]
    sources: tuple[Source, ...]
    related: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TopicWords:
    """How a topic is named: `label` in running text, `question` on a button, `by_service` for one service's own."""

    label: Texts
    question: Texts
    by_service: Mapping[str, Texts]


@dataclass(frozen=True)
class Vocabulary:
    """Every service and topic there is, in the order people are shown them, with what they are called."""

    services: Mapping[str, Texts]
    topics: Mapping[str, TopicWords]


@dataclass(frozen=True)
class EmergencyLine:
    """A number to call in danger or crisis, when to call it, and the day we last checked the number."""

    id: str
    name: Texts
    number: str
    when: Texts
    checked: date


@dataclass(frozen=True)
class Municipality:
    """How to reach a municipality and what may be sent to it. What we have no source for is None.

    `contact_names` says whom the telephone number reaches, in each language. `checked` is the day somebody verified
    the contact details, None when nobody has. `brochure` is the brochure they stand in, if any, and `dated` is that
    brochure's own date. One of `checked` and `dated` is always there.

    `forms` are the ids of the forms that may be sent to this municipality: those for support it is known to have,
    and those about helping or being contacted. A form that is not among them must not be offered to its residents.
    `emergency` holds the municipality's own numbers, beside the national ones.
    """

    id: str
    names: Texts
    website: str | None
    phone: str | None
    email: str | None
    contact_names: Texts | None
    checked: date | None
    brochure: str | None
    dated: date | None
    forms: tuple[str, ...]
    emergency: tuple[EmergencyLine, ...]

    @property
    def name(self) -> str:
        """The Swedish name."""
        return self.names[LANGUAGES[0]]

    @property
    def contact_name(self) -> str | None:
        """Whom the telephone number reaches, in Swedish, or None."""
        return self.contact_names[LANGUAGES[0]] if self.contact_names else None
