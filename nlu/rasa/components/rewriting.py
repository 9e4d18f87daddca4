"""What the embedding is given instead of the text: courtesies left out, spelling put right, services by one name.

The embedding knows Swedish, but not Swedish written without å, ä, ö or with slips; and whether someone writes
"kontaktfamilj" or "stöd famlij" says nothing about what is asked. The spellings are learned from the training
sentences. The original text stays what the message says; entities are found in that.
"""

import re
from collections import Counter
from typing import Any, Dict, Iterable, List, Mapping, Tuple

from components.gist import without_courtesies
from components.lexicon import Lexicon
from components.spelling import Speller
from components.text import fold

_WORD = re.compile(r"[^\W\d_]+")
_SWEDISH = re.compile(r"[a-zåäöé]+")
_SERVICE = "kontaktperson"
_ENGLISH = frozenset(
    [
        "the",
        "is",
        "do",
        "does",
        "how",
        "what",
        "an",
        "to",
        "my",
        "you",
        "we",
        "are",
        "of",
        "who",
        "when",
        "where",
        "why",
        "if",
        "it",
        "and",
        "with",
        "your",
        "can't",
        "i'm",
    ]
)
"""Words that mark a text as English, where "for" and "man" must stay as they are."""


class Rewriter:
    """Rewrites cleaned texts. Immutable, so safe from several threads."""

    def __init__(self, learned: Mapping[str, Any], lexicon: Lexicon) -> None:
        """`learned` is what `learn_words` gives; empty, no spelling is put right."""
        self.learned = dict(learned)
        self._spellings: Dict[str, str] = self.learned.get("spellings", {})
        self._speller = Speller(self.learned.get("swedish", {}), self.learned.get("foreign", ()))
        self._lexicon = lexicon

    def rewrite(self, text: str) -> str:
        """The text in lower case, without courtesies, spelt right and with one name for every service."""
        return self._speller.correct(self._name_services(self._restore(without_courtesies(text)))).lower()

    def _restore(self, text: str) -> str:
        if not text.isascii() or _ENGLISH.intersection(_WORD.findall(text.lower())):
            return text
        return _WORD.sub(lambda word: self._spellings.get(word.group().lower(), word.group()), text)

    def _name_services(self, text: str) -> str:
        for entity in reversed([entity for entity in self._lexicon.search(text) if entity.name == "service"]):
            text = text[: entity.start] + _SERVICE + text[entity.end :]
        return text


def learn_words(sentences: Iterable[Tuple[str, str]]) -> Dict[str, Any]:
    """What a Rewriter needs to know, from pairs of language and sentence; only lists, dicts and strings.

    `spellings`: a word without diacritics -> as it is mostly spelt; `swedish`: Swedish word -> how often;
    `foreign`: the other words.
    """
    swedish: Counter[str] = Counter()
    foreign = set()
    for language, sentence in sentences:
        words = _WORD.findall(sentence.lower())
        if language == "sv":
            swedish.update(words)
        else:
            foreign.update(words)
    return {
        "spellings": _spellings(swedish),
        "swedish": dict(sorted(swedish.items())),
        "foreign": sorted(foreign - set(swedish)),
    }


def _spellings(counts: Mapping[str, int]) -> Dict[str, str]:
    spelt: Dict[str, List[str]] = {}
    for word in counts:
        if not word.isascii() and _SWEDISH.fullmatch(word):
            spelt.setdefault(fold(word), []).append(word)
    commonest = {folded: max(sorted(words), key=lambda word: counts[word]) for folded, words in sorted(spelt.items())}
    return {folded: word for folded, word in commonest.items() if counts[word] > counts.get(folded, 0)}
