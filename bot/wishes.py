"""A text with no form open: a question, a wish to begin a form, a command – understood by the NLU, or by its words."""

from dataclasses import replace
from functools import partial

from bot import answering, choices, commands, feedback, menus, questions, safety
from bot.form import opening as form_opening
from bot.form import proposing as form_proposing
from bot.masking import masked_question
from bot.reading import FORM_INTENTS
from bot.scene import Outcome, Scene
from bot.text import mask_personnummer
from bot.turn import Account, Reply
from bot.understanding import SURE_OF_COMMAND, danger_in, danger_in_story, detail_of, in_language, understand
from brochures.brochure import GENERAL_SERVICE
from nlu.client import NluUnavailableError, Understanding

SURE_OF_FORM = 0.5
TOLD_WORDS = 40
"""Whoever tells so much may think that somebody reads it."""
MISSED = {"no_answer": "no_answer", "clarify": "unsure"}
"""What came of a question -> why it is kept for staff."""


def answer(scene: Scene, text: str) -> Outcome:
    """A text with no form open: understood by the NLU, or by its words alone while the NLU process is away."""
    masked, had_number = mask_personnummer(text)
    before, scene = scene.state.other_language, in_language(scene.remember(proposed=()), masked)
    try:
        done = _by_meaning(scene, masked)
    except NluUnavailableError:
        done = _by_words(scene, masked)
    done = _with_question(scene, masked, done)
    said = [Reply(scene.say("out.personnummer"))] if had_number else []
    if had_number and scene.turn.channel == "telegram" and scene.tools.web_address:
        said.append(Reply(scene.say("out.web_chat", address=scene.tools.web_address)))
    if scene.state.other_language != before and done.account.kind != "crisis":
        said.append(Reply(scene.say("out.other_language")))
    if len(text.split()) >= TOLD_WORDS and done.draft is None and done.account.kind != "crisis":
        said.append(Reply(scene.say("out.not_kept")))
    return done.before(*said)


def _with_question(scene: Scene, text: str, done: Outcome) -> Outcome:
    """The question, without the person in it: remembered with its answer, kept for staff when there is none.

    Of a long story nothing is kept.
    """
    if len(text.split()) >= TOLD_WORDS:
        return replace(done, state=replace(done.state, question=None))
    reason = None if _only_the_service_is_missing(done) else MISSED.get(done.account.kind)
    if reason is None and done.account.kind != "answer":
        return done
    question = masked_question(scene, text)
    done = replace(done, state=replace(done.state, question=question))
    return replace(done, missed=feedback.missed(done, scene, reason)) if reason else done


def _only_the_service_is_missing(done: Outcome) -> bool:
    topics = done.account.topics
    return len(topics) > 1 and len({topic for topic, _ in topics}) == 1


def _by_meaning(scene: Scene, text: str) -> Outcome:
    """Raises NluUnavailableError."""
    whole = understand(scene, text)
    if danger := danger_in(whole, text):
        return safety.crisis(scene, danger, whole.confidence, text)
    if danger := danger_in_story(partial(understand, scene), text):
        return safety.and_answer(safety.crisis(scene, danger, whole.confidence, text), _asked(scene, text, whole))
    return _asked(scene, text, whole)


def _asked(scene: Scene, text: str, whole: Understanding) -> Outcome:
    """What a text without danger comes to. Raises NluUnavailableError."""
    understood = questions.point_of_story(scene, text, whole)
    scene = _with_entities(scene, understood)
    if done := questions.follow_up(scene, text, understood):
        return done
    starts = understood.intent.startswith("start_") and understood.confidence >= SURE_OF_FORM
    several = None if starts else questions.answer_all(scene, text, understood)
    return several or _meant(scene, understood, text)


def _meant(scene: Scene, understood: Understanding, text: str) -> Outcome:
    intent, sure = understood.intent, understood.confidence
    if intent in commands.INTENTS and sure >= SURE_OF_COMMAND:
        name = commands.INTENTS[intent]
        return commands.run(scene, name, detail_of(name, understood, text), sure) or menus.welcome(scene)
    if intent.startswith("start_") and sure >= SURE_OF_FORM:
        return form_proposing.with_facts(scene, _start(scene, intent.removeprefix("start_"), understood), text)
    if intent in FORM_INTENTS and sure >= SURE_OF_COMMAND:
        account = Account("control", command="help", confidence=sure)
        return menus.offer(scene, scene.say("control.affirm"), menus.start_choices(scene), account)
    answered = answering.respond_to(scene, understood)
    if answered.account.kind in MISSED and (wish := form_proposing.wish_in(scene, text, intent)):
        return form_proposing.with_facts(scene, _start(scene, wish, understood), text)
    return answered


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
        others = [
            name
            for name in scene.tools.library.services_for("how_to_apply")
            if name != GENERAL_SERVICE and menus.application_for(scene, name) is None
        ]
        label = scene.tools.library.service_label
        buttons = (
            *(choices.form(form_id, scene.tools.forms[form_id].title[scene.language]) for form_id in forms),
            *(choices.topic("how_to_apply", name, label(name, scene.language)) for name in others),
        )
        return menus.offer(scene, say("clarify.apply"), buttons, Account("clarify", confidence=confidence))
    if form_id := menus.application_for(scene, service):
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
