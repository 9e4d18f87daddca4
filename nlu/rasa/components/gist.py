"""What of a message says what it wants: the text without greetings and thanks, and its last request.

People begin with "Hej, jag undrar" and end with "tack på förhand", or tell a story before they ask. The
embedding hears all of it alike; here it is told what to listen for. Pure functions over cleaned text.
"""

import re
from typing import Optional

_GREETING = (
    r"(?:(?:hej(?:san)?|hallå|tja(?:na)?|god (?:dag|morgon|kväll)|hello|hi|hey|good (?:morning|evening))"
    r"(?: (?:igen|där|på er|på dig|there|again))?\b\s*[,!.–-]*\s*)?"
)
_APOLOGY = r"(?:(?:ursäkta|förlåt)(?: att jag stör)?\s*(?:,|\bmen\b)+\s*(?:men\s+)?)?"
_WONDERING = (
    r"(?:jag har en (?:liten |snabb )?fråga\b\s*[,:.]?\s*"
    r"|(?:jag )?undrar (?:bara |en sak\b\s*[,:.]?\s*)?(?:om ni (?:kan|vill|kunde) (?:berätta|säga) )?"
    r"|(?:jag )?skulle (?:gärna )?vilja (?:veta|fråga) "
    r"|en (?:snabb )?fråga(?: bara)?\s*[,:]\s*"
    r"|i (?:was wondering|wonder|would like to know|have a question)\b\s*[,:.]?\s*)?"
)
_OPENING = re.compile(rf"^\s*{_GREETING}{_APOLOGY}{_WONDERING}", re.IGNORECASE)
_CLOSING = re.compile(
    r"(?P<mark>[.!?]?)[\s,.!–-]*\b(?:(?:stort )?tack(?: så mycket)?(?: på förhand| för hjälpen| för svar)?"
    r"|(?:med )?vänliga? hälsning(?:ar)?\b[^?.!]{0,40}|mvh\b[^?.!]{0,40}|thanks(?: in advance)?|thank you)[\s.!]*$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?…؟])\s+")
_FEWEST_WORDS = 3
_WORDS_OF_A_REQUEST = 5


def without_courtesies(text: str) -> str:
    """The text without its greeting and thanks, or as it is when next to nothing else is said."""
    bare = _CLOSING.sub(lambda closing: closing["mark"], _OPENING.sub("", text, count=1))
    return bare if len(bare.split()) >= _FEWEST_WORDS else text


def last_request(text: str) -> Optional[str]:
    """The last question of several sentences, or the last of them when none is a question.

    None of a single sentence, and when it is so short that it leans on the rest ("Vad ska jag göra?").
    """
    sentences = [sentence for sentence in _SENTENCE_END.split(text) if sentence]
    if len(sentences) < 2:
        return None
    questions = [sentence for sentence in sentences if sentence[-1] in "?؟"]
    request = (questions or sentences)[-1]
    return request if len(request.split()) >= _WORDS_OF_A_REQUEST else None
