"""What a text is: its language, what the NLU makes of it, whether it tells of danger, whether it looks like a question.

Shared by the two ways of reading a text: with a form open (`reading`) and without (`wishes`).
"""

import re

from bot import safety
from bot.scene import Scene
from bot.text import mask_personnummer
from nlu.client import Understanding
from nlu.language import detect

SURE_OF_COMMAND = 0.6
SURE_OF_DANGER = 0.5
SURE_OF_DANGER_IN_FEW_WORDS = 0.85
FEW_WORDS = 3
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
    """The kind of danger the NLU is sure of, all its danger intents taken together; the likeliest one names it.

    A few words ("jag är hans mamma") say little: there the NLU must be surer. The phrase list has been asked before,
    so what it knows to be harmless is.
    """
    words = len(text.split())
    likely = dict(understood.ranking) | {understood.intent: understood.confidence}
    dangers = {intent: sure for intent, sure in likely.items() if intent in safety.INTENTS}
    needed = SURE_OF_DANGER_IN_FEW_WORDS if words <= FEW_WORDS else SURE_OF_DANGER
    if sum(dangers.values()) < needed or safety.load_phrases().looks_harmless(text):
        return None
    return safety.INTENTS[max(dangers, key=dangers.__getitem__)]


def detail_of(command: str, understood: Understanding, text: str) -> str:
    """What a command is about, from the message it came in: a language, a reference, an answer to change."""
    if command == "language":
        return next((entity.value for entity in understood.entities if entity.name == "language"), "")
    return text if command in ("status", "change") else ""
