"""Options named inside a sentence: "jag är hans mamma", "jag har hund men inte körkort".

A name counts only as whole words, without a negation before it, and never in a question, a command or a text
that tells of violence: those are not answers, and whoever reads next must get them.
"""

import re
from collections.abc import Collection, Iterable
from typing import Protocol, TypeVar

from forms.texts import fold, word_set
from forms.yes_no import says_no, says_yes

_SHORTEST = 3
"""Letters in a name; shorter ones ("en") are in every other sentence."""
_FAR = 4
"""Words between a negation and what it denies: "inte så många hundar"."""
_CLAUSE_END = re.compile(r"[,.;:!()\n]| [-–—] ")
_NEGATIONS = word_set(
    "inte ej icke ingen inga inget aldrig varken not never neither nor don dont doesn isn aren cannot"
)
_NEXT_TO = word_set("nej no")
"""Deny only the word just after: "nej jag är pappa" is a father."""
_WITHOUT = word_set("utan without")
_TURNS = word_set("men but fast hellre rather istallet instead")
"""What comes after these is not denied by what stood before."""
_QUESTION = re.compile(
    r"(?:vad|hur|nar|varfor|vem|vilka|vilken|vilket|what|how|when|where|who|why|which|does|can|must)\b"
    r"|(?:do|is|are|may|should|could) (?:i|we|you|it|they|the|there)\b"
    r"|(?:kan|far|maste|behover|ska|finns|ar) (?:man|jag|vi|ni|du|det|en|ett)\b"
)
_NO_ANSWER = re.compile(
    r"""\b(?:
        slar|slog|slagit|slagen|slaget|sparkar|misshand\w*|vald|valdsam\w*|valdt\w*|hotar?|hotad|hotat|radd|rymt
        |dor|doda\w*|vill\ do|inte\ leva|orkar\ inte|sjalvmord\w*|skadar?|skar|overgrepp|tafsar?
        |ar\ full|dricker|druckit|berusad|packad|knarkar|missbruk\w*
        |hits|hit\ me|hit\ by|hitting|beats?|beating|hurts?|hurting|abus\w*|violen\w*|threat\w*|afraid|scared
        |kills?|suicid\w*|drunk
        |avbryt\w*|tillbaka|angra\w*|andra\ mig|hoppa\ over|borja\ om|cancel|go\ back|skip|start\ over
    )\b""",
    re.VERBOSE,
)
"""Over-careful on purpose: what is refused here is only asked again."""


class _Named(Protocol):
    @property
    def value(self) -> str: ...


Named = TypeVar("Named", bound=_Named)


def may_answer(text: str) -> bool:
    """Whether a sentence may be searched for names: no question, no command, no word of violence."""
    plain = fold(text)
    return not ("?" in text or _QUESTION.match(plain) or _NO_ANSWER.search(plain))


def mentioned(text: str, names: Iterable[tuple[Named, str]]) -> list[Named]:
    """The options whose names occur in `text`, in the order of `names` (option, folded name).

    An option that fits fewer of the words than another one does is left out: "tolk i teckenspråk" names the
    sign language interpreter alone. Two that fit the same words, or different ones, are both returned.
    """
    return [option for option, _ in _found(text, names)]


def alike(text: str, names: Iterable[tuple[Named, str]]) -> list[Named]:
    """Those of the options named in `text` that cannot be told apart, as they fit the very same words."""
    found = _found(text, names)
    covers = [words for _, words in found]
    first = next((words for words in covers if covers.count(words) > 1), None)
    return [option for option, words in found if words == first]


def _found(text: str, names: Iterable[tuple[Named, str]]) -> list[tuple[Named, set[int]]]:
    """(option, the words of `text` that it fits, by their positions)"""
    if not may_answer(text):
        return []
    clauses = [fold(clause).split() for clause in _CLAUSE_END.split(text)]
    words = [word for clause in clauses for word in clause]
    starts = [position for position, clause in _numbered(clauses) for _ in clause]
    ends = [position + len(clause) for position, clause in _numbered(clauses) for _ in clause]
    named: dict[str, Named] = {}
    covered: dict[str, set[int]] = {}
    for option, name in names:
        if len(name) < _SHORTEST or says_yes(name) or says_no(name):
            continue
        parts = name.split()
        for first in range(len(words) - len(parts) + 1):
            last = first + len(parts)
            if words[first:last] == parts and not (
                _is_denied(words[starts[first] : first]) or _is_taken_back(words[last : ends[last - 1]])
            ):
                named[option.value] = option
                covered.setdefault(option.value, set()).update(range(first, last))
    return [
        (option, covered[value]) for value, option in named.items() if not _is_outdone(covered[value], covered.values())
    ]


def _numbered(clauses: list[list[str]]) -> Iterable[tuple[int, list[str]]]:
    """(position of its first word in the whole text, clause)"""
    position = 0
    for clause in clauses:
        yield position, clause
        position += len(clause)


def _is_denied(before: list[str]) -> bool:
    """Whether the words before a name, in the same clause, deny it."""
    if before and before[-1] in _NEXT_TO:
        return True
    for distance, word in enumerate(reversed(before), start=1):
        if distance > _FAR or word in _TURNS:
            return False
        if word in _WITHOUT:
            return not _NEGATIONS & set(before[:-distance])  # "inte hund utan katt" has a cat
        if word in _NEGATIONS:
            return True
    return False


def _is_taken_back(after: list[str]) -> bool:
    """Whether the clause ends in a negation right after a name: "ring inte"."""
    return after[:1] in (["inte"], ["ej"], ["not"]) and (len(after) == 1 or after[1] in _TURNS | _WITHOUT)


def _is_outdone(positions: set[int], others: Collection[set[int]]) -> bool:
    return any(positions < other for other in others)
