"""Finds what we may answer: (topic, service, municipality, language) -> Answer with its sources.

The library never guesses: where the brochures are silent it returns None, and one service's answer is never used for
another. Trying the general service `allmant`, asking which service is meant or saying "vet inte" is for the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from brochures.brochure import LANGUAGES, Answer, Brochure, EmergencyLine, Fact, Municipality, Texts, Vocabulary
from brochures.loader import load_answers, load_brochures, load_municipalities, load_vocabulary


@dataclass(frozen=True)
class Library:
    """Everything the brochure folder holds; made by `load_library` and never changed."""

    brochures: Mapping[str, Brochure]
    facts: Mapping[str, Fact]
    answers: Mapping[tuple[str, str, str | None, str], Answer]
    vocabulary: Vocabulary
    municipalities_by_id: Mapping[str, Municipality]
    national_emergency: tuple[EmergencyLine, ...]

    def answer(self, topic: str, service: str, municipality: str | None, language: str) -> Answer | None:
        """Return the municipality's own answer, else the one that holds everywhere, else None.

        A language we do not write gets the Swedish answer; `Answer.language` says which it is.
        """
        written = _written(language)
        own = self.answers.get((topic, service, municipality, written))
        return own or self.answers.get((topic, service, None, written))

    def services_for(self, topic: str) -> tuple[str, ...]:
        """Return the services with an answer to `topic`, `allmant` among them, in the order people are shown them."""
        return tuple(service for service in self.vocabulary.services if self._answered(topic, service))

    def topics_for(self, service: str) -> tuple[str, ...]:
        """Return the topics answered for `service`, in the order people are shown them."""
        return tuple(topic for topic in self.vocabulary.topics if self._answered(topic, service))

    def topic_label(self, topic: str, language: str) -> str:
        """Return what a topic is called. Raises KeyError for an unknown one."""
        return _in(self.vocabulary.topics[topic].label, language)

    def service_label(self, service: str, language: str) -> str:
        """Return what a service is called. Raises KeyError for an unknown one."""
        return _in(self.vocabulary.services[service], language)

    def question_label(self, topic: str, service: str, language: str) -> str:
        """Return the question as a button shows it, at most 40 characters. Raises KeyError for an unknown topic."""
        words = self.vocabulary.topics[topic]
        return _in(words.by_service.get(service, words.question), language)

    def municipality(self, municipality: str) -> Municipality:
        """Return a municipality's contact details. Raises KeyError for an unknown one."""
        return self.municipalities_by_id[municipality]

    @property
    def municipalities(self) -> tuple[Municipality, ...]:
        """The municipalities in the order people are shown them; the last one is `annan`."""
        return tuple(self.municipalities_by_id.values())

    def emergency(self, municipality: str | None) -> tuple[EmergencyLine, ...]:
        """Return the municipality's own emergency lines, if any, and then the national ones."""
        own = self.municipalities_by_id.get(municipality) if municipality else None
        return (own.emergency if own else ()) + self.national_emergency

    def _answered(self, topic: str, service: str) -> bool:
        return (topic, service, None, LANGUAGES[0]) in self.answers


def load_library(directory: Path = Path(__file__).parent) -> Library:
    """Read and check the brochure folder. Raises BrochureError, which names the file, the entry and the reason."""
    brochures = load_brochures(directory)
    vocabulary = load_vocabulary(directory)
    municipalities, national = load_municipalities(directory, brochures)
    return Library(
        brochures=brochures,
        facts=MappingProxyType({fact.id: fact for brochure in brochures.values() for fact in brochure.facts}),
        answers=load_answers(directory, brochures, vocabulary),
        vocabulary=vocabulary,
        municipalities_by_id=municipalities,
        national_emergency=national,
    )


def _written(language: str) -> str:
    return language if language in LANGUAGES else LANGUAGES[0]


def _in(texts: Texts, language: str) -> str:
    return texts[_written(language)]
