"""Reads the YAML files of a brochure folder into the values of `brochure.py` and checks that they fit together.

`sources/` holds the brochures, `vocabulary.yml` the names, `answers/` our own sentences, `municipalities/` the contact
details. Whether the sentences are readable and keep to the rules of the field is for the tests, not for the loader.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from brochures.brochure import (
    GENERAL_SERVICE,
    KINDS,
    LANGUAGES,
    Answer,
    Brochure,
    BrochureError,
    EmergencyLine,
    Fact,
    Municipality,
    Source,
    TopicWords,
    Vocabulary,
)
from brochures.yaml_entry import Entry, read_file

MUNICIPALITIES = ("gotene", "kramfors", "sala", "vingaker", "annan")
"""The municipalities there are files for, in the order people are shown them; `annan` is any other one."""

_SLUG = re.compile(r"[a-z][a-z0-9_]*")
"""How an id that other parts know must be written: ASCII small letters, digits and underscores."""


def load_brochures(directory: Path) -> Mapping[str, Brochure]:
    """Return the brochures of `directory`/sources by id. Raises BrochureError."""
    brochures = {}
    for file in sorted((directory / "sources").glob("*.yml")):
        brochures[file.stem] = _brochure(file)
    return MappingProxyType(brochures)


def _brochure(file: Path) -> Brochure:
    entry = read_file(file)
    entry.only("title", "label", "kind", "publisher", "municipality", "published", "updated", "facts")
    kind, municipality = entry.text("kind"), entry.optional_text("municipality")
    if kind not in KINDS:
        raise entry.error(f"unknown kind '{kind}'; the kinds are {', '.join(KINDS)}")
    if municipality is not None and municipality not in MUNICIPALITIES:
        raise entry.error(f"unknown municipality '{municipality}'")
    facts = []
    for name, fact in entry.children("facts"):
        fact.only("text", "note")
        facts.append(Fact(f"{file.stem}.{name}", fact.text("text"), fact.optional_text("note")))
    return Brochure(
        id=file.stem,
        title=entry.texts("title"),
        label=entry.texts("label"),
        kind=kind,
        publisher=entry.text("publisher"),
        municipality=municipality,
        published=entry.optional_day("published"),
        updated=entry.optional_day("updated"),
        facts=tuple(facts),
    )


def load_vocabulary(directory: Path) -> Vocabulary:
    """Return the names of services and topics in `directory`/vocabulary.yml. Raises BrochureError."""
    entry = read_file(directory / "vocabulary.yml")
    entry.only("services", "topics")
    names = entry.child("services")
    services = {service: names.texts(service) for service in names.values}
    if GENERAL_SERVICE not in services:
        raise entry.error(f"the service '{GENERAL_SERVICE}' is missing")
    topics = {name: _topic_words(topic, services) for name, topic in entry.children("topics")}
    return Vocabulary(MappingProxyType(services), MappingProxyType(topics))


def _topic_words(entry: Entry, services: Mapping[str, object]) -> TopicWords:
    entry.only("label", "question", *services)
    own = {key: entry.texts(key) for key in entry.values if key in services}
    return TopicWords(entry.texts("label"), entry.texts("question"), MappingProxyType(own))


def load_answers(
    directory: Path, brochures: Mapping[str, Brochure], vocabulary: Vocabulary
) -> Mapping[tuple[str, str, str | None, str], Answer]:
    """Return the answers of `directory`/answers by (topic, service, municipality or None, language).

    Raises BrochureError: unknown topic, service, municipality or fact, an answer given twice, one without facts or
    without related questions that have answers, a municipality's variant without an answer that holds everywhere.
    """
    entries = [entry for service in vocabulary.services for entry in _answer_entries(directory, service)]
    by_fact = {fact.id: brochure for brochure in brochures.values() for fact in brochure.facts}
    answers: dict[tuple[str, str, str | None, str], Answer] = {}
    for service, entry in entries:
        for answer in _answer(entry, service, vocabulary, by_fact):
            key = (answer.topic, answer.service, answer.municipality, answer.language)
            if key in answers:
                raise entry.error("this answer is given twice")
            answers[key] = answer
    general = {(topic, owner) for topic, owner, place, _ in answers if place is None}
    for topic, owner, place, _ in answers:
        if (topic, owner) not in general:
            file = directory / "answers" / f"{owner}.yml"
            reason = "a variant for a municipality needs an answer without municipality as well"
            raise BrochureError(file, f"{topic} in {place}", reason)
    for service, entry in entries:
        _check_related(entry, service, general)
    return MappingProxyType(answers)


def _answer_entries(directory: Path, service: str) -> Iterator[tuple[str, Entry]]:
    document = read_file(directory / "answers" / f"{service}.yml")
    document.only("answers")
    for entry in document.items("answers"):
        place = [text for key in ("topic", "municipality") if (text := entry.optional_text(key))]
        yield service, Entry(entry.file, " in ".join(place) or entry.name, entry.values)


def _answer(entry: Entry, service: str, vocabulary: Vocabulary, by_fact: Mapping[str, Brochure]) -> Iterator[Answer]:
    entry.only("topic", "municipality", "facts", "related", *LANGUAGES, "easy")
    topic, municipality = entry.text("topic"), entry.optional_text("municipality")
    if topic not in vocabulary.topics:
        raise entry.error(f"unknown topic '{topic}'")
    if municipality is not None and municipality not in MUNICIPALITIES:
        raise entry.error(f"unknown municipality '{municipality}'")
    facts = entry.names("facts")
    if not facts:
        raise entry.error("cites no fact")
    for fact in facts:
        if fact not in by_fact:
            raise entry.error(f"unknown fact '{fact}'")
    cited = {by_fact[fact].id: by_fact[fact] for fact in facts}
    for language in LANGUAGES:
        yield Answer(
            topic=topic,
            service=service,
            municipality=municipality,
            language=language,
            text=entry.text(language),
            easy=entry.optional_text("easy") if language == "sv" else None,
            facts=facts,
            sources=tuple(_source(brochure, language) for brochure in cited.values()),
            related=tuple(_related(name, service) for name in entry.names("related")),
        )


def _source(brochure: Brochure, language: str) -> Source:
    return Source(brochure.id, brochure.publisher, brochure.municipality, brochure.label[language], brochure.dated)


def _related(name: str, service: str) -> tuple[str, str]:
    """`cost` is a topic of the same service, `kontaktgrupp/cost` one of another."""
    other, _, topic = name.rpartition("/")
    return topic, other or service


def _check_related(entry: Entry, service: str, general: set[tuple[str, str]]) -> None:
    for topic, other in (_related(name, service) for name in entry.names("related")):
        if (topic, other) not in general:
            raise entry.error(f"the related question '{topic}' of '{other}' has no answer")
        if (topic, other) == (entry.text("topic"), service):
            raise entry.error("is related to itself")


def load_municipalities(
    directory: Path, brochures: Mapping[str, Brochure]
) -> tuple[Mapping[str, Municipality], tuple[EmergencyLine, ...]]:
    """Return the municipalities by id, in their order, and the national emergency lines. Raises BrochureError."""
    folder = directory / "municipalities"
    municipalities = {name: _municipality(folder / f"{name}.yml", brochures) for name in MUNICIPALITIES}
    national = read_file(folder / "national.yml")
    national.only("emergency")
    return MappingProxyType(municipalities), tuple(_emergency_lines(national))


def _municipality(file: Path, brochures: Mapping[str, Brochure]) -> Municipality:
    entry = read_file(file)
    entry.only("names", "website", "phone", "email", "contact_names", "checked", "brochure", "forms", "emergency")
    brochure = entry.optional_text("brochure")
    if brochure is not None and brochure not in brochures:
        raise entry.error(f"unknown brochure '{brochure}'")
    dated = brochures[brochure].dated if brochure else None
    forms = entry.names("forms")
    for form in forms:
        if not _SLUG.fullmatch(form):
            raise entry.error(f"'{form}' is no form id; write a-z, 0-9 and underscores")
    return Municipality(
        id=file.stem,
        names=entry.texts("names"),
        website=entry.optional_text("website"),
        phone=entry.optional_text("phone"),
        email=entry.optional_text("email"),
        contact_names=entry.optional_texts("contact_names"),
        checked=entry.optional_day("checked") if dated else entry.day("checked"),
        brochure=brochure,
        dated=dated,
        forms=forms,
        emergency=tuple(_emergency_lines(entry)),
    )


def _emergency_lines(document: Entry) -> Iterator[EmergencyLine]:
    for entry in document.items("emergency"):
        entry.only("id", "name", "number", "when", "checked")
        yield EmergencyLine(
            entry.text("id"), entry.texts("name"), entry.text("number"), entry.texts("when"), entry.day("checked")
        )
