"""A question without the person in it: only everyday words stay, so that staff may read what was asked and not by whom.

It works the safe way round. Not names are looked for, but words known to be harmless; all else is left out: names,
streets, numbers, mail addresses, and now and then a rare or misspelt word.
"""

import re
from collections.abc import Mapping

from bot.scene import Scene

LONGEST_WORDS = 30
"""Words kept of a question; the end of a long story, where the question is."""
LEFT_OUT = "…"
_ALWAYS = ("sv", "en")
_TOKEN = re.compile(r"\S+")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SENTENCE_END = ".!?:"
_ENOUGH = 0.5


def masked_question(scene: Scene, text: str) -> str | None:
    """The question without what may point to a person; None when hardly anything is left of it."""
    known = _known(scene.tools.known_words, scene.state.other_language)
    tokens = _TOKEN.findall(text)
    kept: list[str] = []
    first = True
    for token in tokens:
        kept.append(token if _is_harmless(token, known, first) else LEFT_OUT)
        first = token[-1] in _SENTENCE_END
    words = kept[-LONGEST_WORDS:]
    if not words or sum(word != LEFT_OUT for word in words) < _ENOUGH * len(words):
        return None
    return re.sub(rf"(?:{LEFT_OUT} )+{LEFT_OUT}", LEFT_OUT, " ".join(words))


def _known(words: Mapping[str, frozenset[str]], other: str | None) -> frozenset[str]:
    languages = (*_ALWAYS, other) if other else _ALWAYS
    return frozenset[str]().union(*(words.get(language, frozenset()) for language in languages))


def _is_harmless(token: str, known: frozenset[str], first_in_sentence: bool) -> bool:
    """Whether a token is nothing but known words and punctuation. A capital inside a sentence may be a name."""
    if any(character.isdigit() or character in "@/_#" for character in token):
        return False
    words = _WORD.findall(token)
    if any(word.lower() not in known for word in words):
        return False
    return first_in_sentence or not any(word[0].isupper() and len(word) > 1 for word in words)
