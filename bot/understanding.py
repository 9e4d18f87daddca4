"""What a text is: its language, what the NLU makes of it, whether it tells of danger, whether it looks like a question.

Shared by the two ways of reading a text: with a form open (`reading`) and without (`wishes`).
"""

import re
from collections.abc import Callable

from bot import safety
from bot.scene import Scene
from bot.text import mask_personnummer
from nlu.client import Understanding
from nlu.language import detect

SURE_OF_COMMAND = 0.6
SURE_OF_DANGER = 0.5
LIKELY = dict.fromkeys(safety.INTENTS, 0.3) | {"ask_orosanmalan": 0.2}
"""How sure where danger is what a text is taken for first; an orosanmälan is answered calmly, so it may be less."""
SURE_OF_DANGER_IN_FEW_WORDS = 0.85
FEW_WORDS = 3
STORY_WORDS = 20
SENTENCES_READ = 15
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
OTHER_LANGUAGES = ("fi", "ar", "so", "uk", "fa", "pl", "es")
"""Languages that are recognised but not yet written; asked in one of them, the bot says which it can write."""

_ASKING = re.compile(
    r"\?|^(?:vad|hur|när|nar|var|vem|vilka|vilken|vilket|varför|varfor|får|kan|måste|maste|finns|ska|är"
    r"|what|how|when|where|who|why|which|can|do|does|is|are|must|may)\b",
    re.IGNORECASE,
)


def looks_like_question(text: str) -> bool:
    """Whether a text has a question mark or begins as questions do."""
    return bool(_ASKING.search(text))


def in_language(scene: Scene, text: str) -> Scene:
    """The scene in the language of the message, unless the resident has chosen one or it is one we do not write."""
    if scene.state.language_chosen:
        return scene
    found = detect(text, (*scene.tools.wordings, *OTHER_LANGUAGES), scene.state.language)
    if found in OTHER_LANGUAGES:
        return scene.remember(other_language=found)
    return scene.remember(language=found) if found else scene


def understand(scene: Scene, text: str) -> Understanding:
    """What the NLU process makes of a text, identity numbers taken out first. Raises NluUnavailableError."""
    return scene.tools.understand(mask_personnummer(text)[0])


def danger_in(understood: Understanding, text: str) -> str | None:
    """The kind of danger the NLU finds, all its danger intents taken together; the likeliest one names it.

    A few words ("jag är hans mamma") say little: there the NLU must be surer, and less sure where danger is what it
    takes the text for first. The phrase list has been asked before, so what it knows to be harmless is.
    """
    dangers = _dangers(understood)
    if len(text.split()) <= FEW_WORDS:
        needed = SURE_OF_DANGER_IN_FEW_WORDS
    else:
        needed = LIKELY.get(understood.intent, SURE_OF_DANGER)
    if sum(dangers.values()) < needed or safety.load_phrases().looks_harmless(text):
        return None
    return safety.INTENTS[max(dangers, key=dangers.__getitem__)]


def danger_in_story(ask: Callable[[str], Understanding], text: str) -> str | None:
    """The kind of danger in one of the sentences of a long story, which may be about something else as a whole.

    `ask` understands one sentence. Raises what it raises.
    """
    sentences = [sentence for sentence in sentences_of(text) if len(sentence.split()) > FEW_WORDS]
    if len(text.split()) < STORY_WORDS or len(sentences) < 2:
        return None
    for sentence in sentences[:SENTENCES_READ]:
        understood = ask(sentence)
        if sum(_dangers(understood).values()) >= SURE_OF_DANGER and (kind := danger_in(understood, sentence)):
            return kind
    return None


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, in order."""
    return [part for part in _SENTENCE_ENDS.split(text) if part]


def _dangers(understood: Understanding) -> dict[str, float]:
    likely = dict(understood.ranking) | {understood.intent: understood.confidence}
    return {intent: sure for intent, sure in likely.items() if intent in safety.INTENTS}


def detail_of(command: str, understood: Understanding, text: str) -> str:
    """What a command is about, from the message it came in: a language, a reference, an answer to change."""
    if command == "language":
        return next((entity.value for entity in understood.entities if entity.name == "language"), "")
    return text if command in ("status", "change") else ""
