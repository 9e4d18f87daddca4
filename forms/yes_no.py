"""Yes and no, in the words people use. A "but" is neither."""

from forms.answer_error import AnswerError
from forms.texts import fold, word_set

_LONGEST = 100
_THUMBS = {"👍": True, "👎": False}


POLITE = word_set(
    """
    tack garna helst det blir ar bra bast gar funkar fint ok okej jag vill valjer kan ni
    please thanks thank you fine is i would prefer best
    """
)
"""Words that may stand around an answer and change nothing (folded)."""

_YES = word_set(
    """
    ja jaa j japp jepp jupp jada jo joda javisst jovisst visst jajamen jajamensan jajamansan absolut sjalvklart garna
    stammer precis ok okej
    yes yess yep yeah yup y sure okay certainly absolutely
    """
)
_NO = word_set("nej nejda nehej nae na naa nix n no nope nah icke")
_AROUND = POLITE | word_set(
    """
    gor vi har far da sa absolut visst
    do we have am can of course sure it that
    """
)
_AROUND_NO = _AROUND | word_set("inte alls tyvarr behovs behover not don t dont need needed sorry")
_PHRASES = {"det stammer": True, "of course": True, "inte alls": False, "not at all": False}


def read_yes_no(text: str) -> bool:
    """True for yes, False for no. Raises AnswerError for all else, also for "nej, men …" and "ja, fast …"."""
    plain = fold(text) if len(text) <= _LONGEST else ""
    if not plain and text[:1] in _THUMBS:
        return _THUMBS[text[0]]
    if plain in _PHRASES:
        return _PHRASES[plain]
    first, *rest = plain.split() or [""]
    if first in _YES and all(word in _AROUND | _YES for word in rest):
        return True
    if first in _NO and all(word in _AROUND_NO | _NO for word in rest):
        return False
    raise AnswerError("answer.yes_no.invalid")


def says_yes(word: str) -> bool:
    """Whether one folded word is a yes."""
    return word in _YES


def says_no(word: str) -> bool:
    """Whether one folded word is a no."""
    return word in _NO
