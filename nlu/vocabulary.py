"""The words the understanding knows from its examples: everyday words, in every language it reads.

Used to keep what is harmless of a question and to leave out the rest: a name nobody wrote an example with is not here.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

_EXAMPLE = re.compile(r"^\s+- (.+)$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]+")
_LEAST = 2
"""Examples a word must stand in: a word used once may be anybody's name."""


def known_words(directory: Path) -> Mapping[str, frozenset[str]]:
    """Language -> lower-case words of at least two of its example sentences, those usually written as names left out.

    A word counts as a name when it stands with a capital letter inside a sentence at least as often as without.
    """
    return {folder.name: _words_of(folder) for folder in sorted(directory.iterdir()) if folder.is_dir()}


def _words_of(folder: Path) -> frozenset[str]:
    plain: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for path in sorted(folder.glob("*.yml")):
        for example in _EXAMPLE.findall(path.read_text("utf-8")):
            words = _WORD.findall(example)
            plain.update({word for word in words if not word[:1].isupper()})
            names.update({word.lower() for word in words[1:] if word[:1].isupper() and not word.isupper()})
    return frozenset(word for word, seen in plain.items() if seen >= _LEAST and seen > names[word])
