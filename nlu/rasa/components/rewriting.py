"""What the embedding is given instead of the text: diacritics put back, every service by one name.

The embedding knows Swedish, but not Swedish written without å, ä, ö; and whether someone writes
"kontaktfamilj" or "stöd famlij" says nothing about what is asked. The spellings are learned from the training
sentences. The original text stays what the message says; entities are found in that.
"""

import re
from collections import Counter
from typing import Dict, Iterable, List, Mapping

from components.lexicon import Lexicon
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

    def __init__(self, spellings: Mapping[str, str], lexicon: Lexicon) -> None:
        """`spellings`: a word without diacritics -> as it is spelt."""
        self.spellings: Dict[str, str] = dict(spellings)
        self._lexicon = lexicon

    def rewrite(self, text: str) -> str:
        """The text in lower case, with diacritics and one name for every service."""
        return self._name_services(self._restore(text)).lower()

    def _restore(self, text: str) -> str:
        if not text.isascii() or _ENGLISH.intersection(_WORD.findall(text.lower())):
            return text
        return _WORD.sub(lambda word: self.spellings.get(word.group().lower(), word.group()), text)

    def _name_services(self, text: str) -> str:
        for entity in reversed([entity for entity in self._lexicon.search(text) if entity.name == "service"]):
            text = text[: entity.start] + _SERVICE + text[entity.end :]
        return text


def learn_spellings(texts: Iterable[str]) -> Dict[str, str]:
    """Folded word -> its commonest spelling, for Swedish words that are mostly written with diacritics."""
    counts = Counter(word for text in texts for word in _WORD.findall(text.lower()))
    spelt: Dict[str, List[str]] = {}
    for word in counts:
        if not word.isascii() and _SWEDISH.fullmatch(word):
            spelt.setdefault(fold(word), []).append(word)
    commonest = {folded: max(sorted(words), key=lambda word: counts[word]) for folded, words in sorted(spelt.items())}
    return {folded: word for folded, word in commonest.items() if counts[word] > counts[folded]}
