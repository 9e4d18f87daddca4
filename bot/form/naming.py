"""Which of a form's answers somebody names: "ändra telefonnumret", "jag skrev fel på barnets namn"."""

import re

from bot.scene import Scene
from bot.text import folded
from forms.form import Question, in_language

_WORDS = {
    "phone": r"telefon\w*|mobil\w*|tele|tel|nummer|numret|phone\w*|mobile|number",
    "email": r"mejl\w*|mail\w*|epost\w*|post|postadress\w*|email\w*|mejladress\w*|mailadress\w*",
    "personnummer": r"personnum\w*|pnr|identity",
    "birth_date": r"fodelse\w*|fodd|birth\w*|born",
    "postcode": r"postn\w*|postcode|zip",
    "school_year": r"arskurs\w*|klass\w*|grade|year",
    "age": r"alder\w*|age",
}
"""Answer type -> what its answers are called, whatever the label says."""
_MINE = re.compile(r"\b(?:min|mitt|mina|my|mine)\b")
_YOURS = frozenset({"din", "ditt", "dina", "your"})
_SMALL = _YOURS | frozenset({"vi", "er", "ar", "och", "the", "of", "and", "for", "att", "nar", "hur", "to", "you", "s"})
_SHORTEST, _STEM = 3, 5


def slots_named(scene: Scene, text: str) -> tuple[str, ...]:
    """The slots of the open form that a text names best, also those that are not asked yet; more than one when it
    does not say which.
    """
    assert scene.form is not None
    plain = folded(text)
    words = re.findall(r"[^\W_]+", plain)
    scores = {q.slot: _score(q, in_language(q.label, scene.language), plain, words) for q in scene.form.questions}
    best = max(scores.values(), default=0.0)
    return tuple(slot for slot, score in scores.items() if score == best) if best > 0 else ()


def _score(question: Question, label: str, plain: str, words: list[str]) -> float:
    """How well a text names a question: its whole label, else words of it, else what its type is called."""
    wanted = folded(label)
    if wanted in plain:
        return 10.0 + len(wanted)
    parts = re.findall(r"[^\W_]+", wanted)
    telling = [part for part in parts if part not in _SMALL]
    found = sum(any(_same(word, part) for word in words) for part in telling)
    by_type = question.type in _WORDS and any(re.fullmatch(_WORDS[question.type], word) for word in words)
    if not found and not by_type:
        return 0.0
    own = 0.5 if _MINE.search(plain) and parts and parts[0] in _YOURS else 0.0
    return found + (0.9 if by_type else 0.0) + own - 0.1 * (len(telling) - found)


def _same(word: str, part: str) -> bool:
    """Whether a word is one of a label's, perhaps with an ending ("telefonnumret" is "telefon")."""
    if len(part) >= _SHORTEST and word.startswith(part):
        return True
    return len(word) >= _STEM and part.startswith(word)
