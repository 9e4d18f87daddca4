"""What a message asks when it is more than one plain question: several at once, a long story, "och för vuxna då?"."""

import re
from dataclasses import replace

from bot import answering
from bot.scene import Outcome, Scene
from bot.text import folded
from bot.turn import Account, Reply
from bot.understanding import sentences_of, understand
from brochures.brochure import GENERAL_SERVICE
from nlu.client import Understanding

MAX_QUESTIONS = 3
LONG_STORY_WORDS = 25

_QUESTION_WORDS = (
    "vad|hur|när|var|vem|vilka|vilken|vilket|varför|får|måste|kan|ska|behöver|finns|är"
    "|what|how|when|where|who|which|why|do|does|can|may|must|is|are"
)
_ENDS = re.compile(r"(?<=\?)\s+|\n+")
"""Between two questions for certain."""
_JOINS = re.compile(
    rf",?\s+(?:och|samt|and)\s+(?=(?:{_QUESTION_WORDS})\b)|,\s*(?=(?:{_QUESTION_WORDS})\b)", re.IGNORECASE
)
"""Between two questions perhaps: only when each part is understood on its own."""

_ADULTS = frozenset({"vuxna", "vuxen", "aldre", "pensionarer", "pensionar", "adults", "adult", "elderly"})
_YOUNG = frozenset({"barn", "barnen", "unga", "ungdomar", "children", "kids", "young", "people"})
_FILLING = frozenset(
    {
        "och", "men", "eller", "for", "om", "hur", "ar", "det", "da", "med", "en", "ett", "den", "de", "samma",
        "sak", "va", "vad", "galler", "i", "pa", "hos", "nar", "man", "har", "blir", "dar", "dom", "som", "alla",
        "hej", "jaha", "ok", "okej", "sa", "and", "but", "or", "what", "about", "the", "a", "an", "how", "is",
        "it", "then", "same", "if", "in", "with", "at", "where", "one",
    }
)  # fmt: skip
"""Words that say nothing of their own in "och hur är det för vuxna då?"."""
_WHAT_IS = re.compile(
    r"^(?:och |men )?vad? (?:är|ar|e)\b(?! (?:det|de)\b)|^(?:and |but )?what(?:'s| is| are)\b(?! it\b)", re.IGNORECASE
)
"""A question of its own, though its words say nothing beside the service."""


def answer_all(scene: Scene, text: str, whole: Understanding) -> Outcome | None:
    """The answers to a message with several questions, at most MAX_QUESTIONS in order; None when it holds only one.

    Raises nlu.client.NluUnavailableError.
    """
    certain = _parts(_ENDS, text)
    if len(certain) > 1 and (done := _answers(scene, certain, whole, all_known=False)):
        return done
    joined = [part for piece in certain for part in _parts(_JOINS, piece)]
    return _answers(scene, joined, whole, all_known=True) if len(joined) > 1 else None


def _parts(between: re.Pattern[str], text: str) -> list[str]:
    return [part for part in between.split(text) if len(part.split()) > 1]


def _answers(scene: Scene, parts: list[str], whole: Understanding, *, all_known: bool) -> Outcome | None:
    """The answers to the parts that are brochure questions; None when there is no more than one."""
    found: list[Outcome] = []
    unknown = False
    for part in parts:
        heard = understand(scene, part)
        if all_known and not _words_of_its_own(part, heard):
            return None
        understood = _with_service(scene, heard, whole)
        done = answering.respond_to(scene, understood) if _is_sure(scene, understood) else None
        if done is None or done.account.kind != "answer":
            if all_known:
                return None
            unknown = unknown or part.endswith("?")
            continue
        if done.account.topics not in [earlier.account.topics for earlier in found]:
            found.append(done)
        scene = replace(scene, state=done.state)
    if not found or (len(found) == 1 and not unknown):
        return None
    return _together(scene, found[:MAX_QUESTIONS], unknown or len(found) > MAX_QUESTIONS)


def _is_sure(scene: Scene, understood: Understanding) -> bool:
    return answering.topic_of(understood.intent, scene) is not None and understood.confidence >= answering.SURE


def _with_service(scene: Scene, part: Understanding, whole: Understanding) -> Understanding:
    """A part that names no service is about the only one that the message names."""
    named = answering.services_of(scene, whole)
    if answering.services_of(scene, part) or len(named) != 1:
        return part
    return replace(part, entities=whole.entities)


def _together(scene: Scene, found: list[Outcome], more_was_asked: bool) -> Outcome:
    last = found[-1]
    replies = [replace(reply, choices=()) for done in found[:-1] for reply in done.replies] + list(last.replies)
    if more_was_asked:
        replies.insert(-1, Reply(scene.say("no_answer.part")))
    topics = tuple(dict.fromkeys(pair for done in found for pair in done.account.topics))
    return replace(
        last,
        replies=tuple(dict.fromkeys(replies)),
        account=Account("answer", topics=topics, confidence=min(done.account.confidence for done in found)),
    )


def point_of_story(scene: Scene, text: str, whole: Understanding) -> Understanding:
    """What a text asks; a long story by its last question, and what that is about may be named anywhere in it.

    `whole`: what the text as a whole was understood as. Raises nlu.client.NluUnavailableError.
    """
    sentences = sentences_of(text)
    question = next((sentence for sentence in reversed(sentences) if sentence.endswith("?")), None)
    if len(text.split()) < LONG_STORY_WORDS or len(sentences) < 2 or question is None:
        return whole
    point = understand(scene, question)
    if point.confidence < answering.SURE:
        return whole
    return point if answering.services_of(scene, point) else replace(point, entities=(*point.entities, *whole.entities))


def follow_up(scene: Scene, text: str, understood: Understanding) -> Outcome | None:
    """The last topic again for another service or municipality, when a message says nothing but that one."""
    topic = scene.state.topic
    if topic is None or topic not in scene.tools.library.vocabulary.topics or _WHAT_IS.search(text.strip()):
        return None
    said = _words_beside_names(text, understood)
    words = said - _FILLING
    named = answering.services_of(scene, understood)
    place = next((entity.value for entity in understood.entities if entity.name == "municipality"), None)
    if not words and named and (said or _is_awaited(scene, topic, named[0])):
        return answering.about(scene, topic, named)
    if not words and said and place in {known.id for known in scene.tools.library.municipalities}:
        return answering.about(scene.remember(municipality=place), topic, ())
    if words and words <= _ADULTS:
        return answering.about(scene, topic, ("kontaktperson_vuxen",))
    if words and words <= _YOUNG and scene.state.service == "kontaktperson_vuxen":
        return answering.about(scene, topic, ("kontaktperson",))
    return None


def _is_awaited(scene: Scene, topic: str, service: str) -> bool:
    """Whether a service without another word belongs to the topic: it was asked for, or all were answered for."""
    offered = any(choice.id == f"t:{topic}:{service}" for choice in scene.state.offered)
    return offered or (topic, GENERAL_SERVICE) in scene.state.given


def _words_of_its_own(part: str, understood: Understanding) -> frozenset[str]:
    """What a part says beside names and filling: nothing, in "och för kontaktgrupp då"."""
    return _words_beside_names(part, understood) - _FILLING


def _words_beside_names(text: str, understood: Understanding) -> frozenset[str]:
    for entity in understood.entities:
        if entity.name in ("service", "municipality"):
            text = text.replace(entity.text, " ")
    return frozenset(re.findall(r"\w+", folded(text)))
