"""The examples the understanding learns from, and the sentences it is measured on: enough, varied, and apart."""

import re
from collections import Counter
from functools import cache

import pytest
import yaml
from rapidfuzz import fuzz, process

from bot.text import folded
from installation import RASA
from nlu.sentences import read_sentences

LANGUAGES = ("sv", "en", "fi", "ar", "so", "uk", "fa", "pl", "es")
LEAST = {"sv": 4_000, "en": 1_200} | dict.fromkeys(LANGUAGES[2:], 300)
"""Examples a language must have."""
OUT_OF_SCOPE, LOOK_ALIKES, DANGER = 600, 300, 400
LEAST_DISTINCT = 0.85
"""Share of the examples that stay different from all others when the services in them are masked."""
COMMONEST_OPENING = 0.01
"""Largest share of a language's examples that may begin with the same five words."""
NEAREST = 85
"""How alike (0 to 100, by edits, folded) an evaluation sentence may at most be to an example or to another sentence."""


@cache
def examples(language: str) -> tuple[tuple[str, str], ...]:
    """(file name, sentence) of each example of a language."""
    found = []
    for path in sorted((RASA / "data" / language).glob("*.yml")):
        for block in yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["nlu"]:
            lines = block["examples"].splitlines()
            found += [(path.stem, line.strip().removeprefix("- ")) for line in lines if line.strip()]
    return tuple(found)


def of(*names: str) -> int:
    """Swedish and English examples in the files of these names."""
    return sum(name.startswith(names) for language in ("sv", "en") for name, _ in examples(language))


@cache
def service_words() -> re.Pattern[str]:
    """All ways the lexicon knows to write a service, folded."""
    lexicon = yaml.safe_load((RASA / "lexicon" / "services.yml").read_text("utf-8"))
    written = [word for service in lexicon["services"].values() for word in (*service["words"], *service["phrases"])]
    stems = sorted({folded(word.rstrip("*")) for word in written}, key=len, reverse=True)
    return re.compile("|".join(re.escape(stem).replace(r"\*", r"\w*") + r"\w*" for stem in stems if stem))


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_examples_enough(language: str) -> None:
    assert len(examples(language)) >= LEAST[language]


def test_there_are_enough_of_what_must_not_be_answered_and_of_danger() -> None:
    assert of("out_of_scope") >= OUT_OF_SCOPE
    assert of("harmless") >= LOOK_ALIKES
    assert of("danger_", "ask_orosanmalan") >= DANGER


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples_are_written_not_multiplied(language: str) -> None:
    masked = Counter(service_words().sub("#", folded(sentence)) for _, sentence in examples(language))
    assert len(masked) >= LEAST_DISTINCT * len(examples(language))
    words = [re.findall(r"\w+", folded(sentence)) for _, sentence in examples(language)]
    openings = Counter(" ".join(spoken[:5]) for spoken in words if len(spoken) >= 5)
    opening, times = openings.most_common(1)[0]
    assert times <= COMMONEST_OPENING * len(examples(language)), opening


def test_no_example_stands_twice_or_means_two_things() -> None:
    places: dict[str, list[tuple[str, str]]] = {}
    for language in LANGUAGES:
        for name, sentence in examples(language):
            places.setdefault(" ".join(sentence.casefold().split()), []).append((language, name))
    # "ok" may stand in several languages, once in each, if it means the same.
    assert {
        text: where
        for text, where in places.items()
        if len(where) > len({language for language, _ in where}) or len({name for _, name in where}) > 1
    } == {}


def test_evaluation_sentences_are_enough_and_apart_from_the_examples() -> None:
    """No sentence is measured on that is nearly one of those learned from, or that stands twice."""
    sentences = read_sentences(RASA / "evaluation")
    assert len(sentences) >= 900
    learned = [folded(text) for language in LANGUAGES for _, text in examples(language)]
    near = []
    for sentence in sentences:
        found = process.extractOne(folded(sentence.text), learned, scorer=fuzz.ratio, score_cutoff=NEAREST + 0.01)
        if found:
            near.append((sentence.text, found[0], round(found[1])))
    assert near == []
    repeated = Counter(folded(sentence.text) for sentence in sentences)
    assert [text for text, times in repeated.items() if times > 1] == []
