"""A text with no form open: a question, a wish to begin a form, a command – understood by the NLU, or by its words."""

import re
from dataclasses import replace

from bot import answering, choices, commands, form_opening, menus, safety
from bot.reading import FORM_INTENTS
from bot.scene import Outcome, Scene
from bot.text import mask_personnummer
from bot.turn import Account, Reply
from bot.understanding import SURE_OF_COMMAND, danger_in, detail_of, in_language, understand
from brochures.brochure import GENERAL_SERVICE
from nlu.client import NluUnavailableError, Understanding

SURE_OF_FORM = 0.5
MAX_QUESTIONS = 3
LONG_STORY_WORDS = 25

_BETWEEN_QUESTIONS = re.compile(
    r"(?<=\?)\s+|,?\s+(?:och|and)\s+(?=(?:vad|hur|när|var|vem|vilka|får|måste|what|how|when|where|who|do|does|can)\b)",
    re.IGNORECASE,
)


def answer(scene: Scene, text: str) -> Outcome:
    """A text with no form open: understood by the NLU, or by its words alone while the NLU process is away."""
    masked, had_number = mask_personnummer(text)
    before, scene = scene.state.other_language, in_language(scene, masked)
    try:
        done = _by_meaning(scene, masked)
    except NluUnavailableError:
        done = _by_words(scene, masked)
    said = [Reply(scene.say("out.personnummer"))] if had_number else []
    if had_number and scene.turn.channel == "telegram" and scene.tools.web_address:
        said.append(Reply(scene.say("out.web_chat", address=scene.tools.web_address)))
    if scene.state.other_language != before and done.account.kind != "crisis":
        said.append(Reply(scene.say("out.other_language")))
    return done.before(*said)


def _by_meaning(scene: Scene, text: str) -> Outcome:
    """Raises NluUnavailableError."""
    whole = _point_of_story(scene, text) or understand(scene, text)
    parts = [part for part in _BETWEEN_QUESTIONS.split(text) if len(part.split()) > 1]
    if 1 < len(parts) <= MAX_QUESTIONS and answering.topic_of(whole.intent, scene):
        several = _several(scene, parts)
        if several:
            return several
    return _meant(scene, whole, text)


def _point_of_story(scene: Scene, text: str) -> Understanding | None:
    """A long story is understood by its last question; what it is about may be named anywhere in it."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    if len(text.split()) < LONG_STORY_WORDS or len(sentences) < 2:
        return None
    question = next((sentence for sentence in reversed(sentences) if sentence.endswith("?")), None)
    if question is None:
        return None
    whole, point = understand(scene, text), understand(scene, question)
    if danger_in(whole, text) or point.confidence < answering.SURE:
        return whole
    return point if answering.services_of(scene, point) else replace(point, entities=(*point.entities, *whole.entities))


def _several(scene: Scene, parts: list[str]) -> Outcome | None:
    """All answers to a message with several questions, when each part is a brochure question of its own."""
    replies: list[Reply] = []
    topics: list[tuple[str, str]] = []
    done: Outcome | None = None
    for part in parts:
        understood = understand(scene, part)
        if answering.topic_of(understood.intent, scene) is None or understood.confidence < answering.SURE:
            return None
        done = answering.respond_to(scene, understood)
        if done.account.kind != "answer":
            return None
        scene = replace(scene, state=done.state)
        if not set(done.account.topics) <= set(topics):
            replies.extend(done.replies)
        topics.extend(done.account.topics)
    if done is None:
        return None
    shown = [*(replace(reply, choices=()) for reply in replies[:-1]), replies[-1]]
    account = Account("answer", topics=tuple(dict.fromkeys(topics)), confidence=done.account.confidence)
    return replace(done, replies=tuple(dict.fromkeys(shown)), account=account)


def _meant(scene: Scene, understood: Understanding, text: str) -> Outcome:
    intent, sure = understood.intent, understood.confidence
    scene = _with_entities(scene, understood)
    danger = danger_in(understood, text)
    if danger:
        return safety.crisis(scene, danger, sure)
    if intent in commands.INTENTS and sure >= SURE_OF_COMMAND:
        name = commands.INTENTS[intent]
        return commands.run(scene, name, detail_of(name, understood, text), sure) or menus.welcome(scene)
    if intent.startswith("start_") and sure >= SURE_OF_FORM:
        return _start(scene, intent.removeprefix("start_"), understood)
    if intent in FORM_INTENTS and sure >= SURE_OF_COMMAND:
        account = Account("control", command="help", confidence=sure)
        return menus.offer(scene, scene.say("control.affirm"), menus.start_choices(scene), account)
    return answering.respond_to(scene, understood)


def _with_entities(scene: Scene, understood: Understanding) -> Scene:
    """A municipality named in a message is remembered where none is known yet."""
    named = next((entity.value for entity in understood.entities if entity.name == "municipality"), None)
    known = {place.id for place in scene.tools.library.municipalities}
    return scene.remember(municipality=named) if named in known and not scene.state.municipality else scene


def _start(scene: Scene, wish: str, understood: Understanding) -> Outcome:
    """The right form for what somebody wants to begin, or the way to do it where there is no form."""
    services = answering.services_of(scene, understood)
    if wish in scene.tools.forms:
        form = scene.tools.forms[wish]
        done = form_opening.start(scene, wish, form_opening.prefill_for(form, services))
        return replace(done, account=replace(done.account, confidence=understood.confidence))
    return apply(scene, services[0] if services else None, understood.confidence)


def apply(scene: Scene, service: str | None, confidence: float = 1.0) -> Outcome:
    """An application: the form of the service, or what the brochures say of how to apply for it."""
    say = scene.say
    if service is None:
        forms = [form_id for form_id in scene.tools.forms if form_id.startswith("ansokan_")]
        taken = {form_id.removeprefix("ansokan_") for form_id in forms}
        others = [
            name for name in scene.tools.library.services_for("how_to_apply") if name not in (*taken, GENERAL_SERVICE)
        ]
        label = scene.tools.library.service_label
        buttons = (
            *(choices.form(form_id, scene.tools.forms[form_id].title[scene.language]) for form_id in forms),
            *(choices.topic("how_to_apply", name, label(name, scene.language)) for name in others),
        )
        return menus.offer(scene, say("clarify.apply"), buttons, Account("clarify", confidence=confidence))
    if (form_id := f"ansokan_{service}") in scene.tools.forms:
        done = form_opening.start(scene, form_id)
        return replace(done, account=replace(done.account, confidence=confidence))
    if service == "umgangesstodjare":
        buttons = (choices.command("human", say("menu.human")),)
        return menus.offer(scene, say("form.umgangesstod"), buttons, Account("no_answer", confidence=confidence))
    said = Reply(say("form.not_here", service=menus.service_in_sentence(scene, service)))
    return answering.about(scene, "how_to_apply", (service,), confidence).before(said)


def _by_words(scene: Scene, text: str) -> Outcome:
    """Without the NLU process: a service named in so many words opens its questions; else the first menu."""
    label = scene.tools.library.service_label
    named = next(
        (
            service
            for service in scene.tools.library.vocabulary.services
            if service != GENERAL_SERVICE and label(service, scene.language).split(" ")[0].casefold() in text.casefold()
        ),
        None,
    )
    buttons = menus.topic_choices(scene, named) if named else menus.start_choices(scene)
    return menus.offer(scene.remember(service=named or scene.state.service), scene.say("out.nlu_down"), buttons)
