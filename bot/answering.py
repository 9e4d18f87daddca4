"""From an understood message to a brochure answer, a question back, or an honest "det vet jag inte".

Only what the brochures say is said here: the text comes from `brochures`, with its source. Which of several services is
meant is settled in one order: named in the message, named in what is being talked about, the only one that fits, the
answer for all of them, else the resident is asked.
"""

from bot import choices, menus
from bot.form import opening as form_opening
from bot.scene import Outcome, Scene
from bot.turn import Account, Choice, Reply, SourceLine
from brochures.brochure import GENERAL_SERVICE as GENERAL
from brochures.brochure import Answer
from nlu.client import Understanding

SURE = 0.45
"""Confidence from which a brochure answer is given; under it the likeliest questions are offered instead."""
HOPELESS = 0.18
"""Confidence under which not even a guess is offered."""
NEAR = 0.05
"""Share of the likelihood from which a topic is near enough to a question without an answer to be offered."""
MAX_RELATED = 4
TWINS = {"activities": "assignment", "assignment": "activities", "adults": "who_gets"}
"""Topics that tell much the same, from the two sides: one answers where a service has nothing on the other."""
TOPIC = "ask_"
WANTS_TO_HELP = frozenset({"becoming", "interest_register", "requirements", "qualities", "household", "vetting"})
WANTS_SUPPORT = frozenset({"how_to_apply", "who_may_apply", "apply_through", "after_applying", "queue"})
ASKS_TO_BE_REACHED = frozenset({"contact_ways", "how_to_apply", "apply_through"})
"""Topics after which the way to the form is a button."""


def topic_of(intent: str, scene: Scene) -> str | None:
    """The brochure topic an intent asks about, or None."""
    topic = intent.removeprefix(TOPIC)
    return topic if intent.startswith(TOPIC) and topic in scene.tools.library.vocabulary.topics else None


def services_of(scene: Scene, understanding: Understanding) -> tuple[str, ...]:
    """The services named in a message, in order, each once; only those that we know."""
    named = dict.fromkeys(entity.value for entity in understanding.entities if entity.name == "service")
    return tuple(service for service in named if service in scene.tools.library.vocabulary.services)


def respond_to(scene: Scene, understanding: Understanding) -> Outcome:
    """The reply to a question: answers, the likeliest questions as buttons, or that it is not known."""
    topic = topic_of(understanding.intent, scene)
    named = services_of(scene, understanding)
    if topic is None or understanding.confidence < HOPELESS:
        return no_answer(scene, named, understanding.confidence, near=_near(scene, understanding, named))
    if understanding.confidence < SURE:
        return _meant(scene, understanding, named)
    return about(scene, topic, named, understanding.confidence)


def about(scene: Scene, topic: str, named: tuple[str, ...], confidence: float = 1.0) -> Outcome:
    """The answer to `topic` for the services named, or the step that finds out which."""
    library = scene.tools.library
    if named:
        found = [(service, find(scene, topic, service)) for service in named[:3]]
        answers = [answer for _, answer in found if answer]
        return give(scene, answers, confidence) if answers else no_answer(scene, named, confidence, topic)
    context = scene.state.service
    possible = tuple(service for service in library.services_for(topic) if service != GENERAL)
    general = library.answer(topic, GENERAL, scene.state.municipality, scene.language)
    if context and (answer := find(scene, topic, context)):
        return give(scene, [answer], confidence)
    if len(possible) == 1 and (answer := find(scene, topic, possible[0])):
        return give(scene, [answer], confidence, named=False)
    if general:
        return give(scene, [general], confidence, named=False)
    if possible:
        return _which_service(scene, topic, possible, confidence)
    return no_answer(scene, (), confidence)


def find(scene: Scene, topic: str, service: str) -> Answer | None:
    """The brochure answer for this resident, or the one for all services where the service has none of its own."""
    library, place, language = scene.tools.library, scene.state.municipality, scene.language
    for wanted, of in ((topic, service), (TWINS.get(topic, topic), service), (topic, GENERAL)):
        if answer := library.answer(wanted, of, place, language):
            return answer
    return None


def give(scene: Scene, answers: list[Answer], confidence: float = 1.0, named: bool = True) -> Outcome:
    """The answers, each with its sources; under the last what can be done, and related questions, as buttons.

    The service becomes what is talked about only when the resident `named` it (or tapped it).
    """
    last = answers[-1]
    service = last.service if named and last.service != GENERAL else scene.state.service
    given = tuple((answer.topic, answer.service) for answer in answers)
    scene = scene.remember(topic=last.topic, service=service, given=given, question=None)
    related = [pair for pair in last.related if pair not in given][:MAX_RELATED]
    buttons = (
        *_what_to_do(scene, last),
        *(menus.question_choice(scene, topic, about) for topic, about in related),
        choices.command("human", scene.say("menu.human")),
        *feedback_choices(scene, easier=any(answer.easy for answer in answers)),
    )
    replies = [answer_reply(scene, answer) for answer in answers[:-1]]
    replies.append(answer_reply(scene, last, buttons))
    account = Account("answer", topics=given, confidence=confidence)
    scene = scene.remember(offered=buttons)
    return Outcome(tuple(replies), scene.state, scene.draft, account)


def feedback_choices(scene: Scene, easier: bool) -> tuple[Choice, ...]:
    """What can be said of an answer with one tap: easier words please, it helped, it did not."""
    say = scene.say
    simplify = (choices.command("simplify", say("menu.simplify")),) if easier else ()
    return (
        *simplify,
        choices.command("helped", say("menu.helped"), "yes"),
        choices.command("helped", say("menu.not_helped"), "no"),
    )


def _what_to_do(scene: Scene, answer: Answer) -> tuple[Choice, ...]:
    """The form that fits what was asked about, where the municipality takes it; none while a form is open."""
    wanted = "kontakta_mig" if answer.topic in ASKS_TO_BE_REACHED else None
    prefilled = ""
    if answer.topic in WANTS_TO_HELP:
        wanted = "intresseanmalan"
        prefilled = form_opening.prefill_for(scene.tools.forms[wanted], (answer.service,))
    elif answer.topic in WANTS_SUPPORT:
        wanted = menus.application_for(scene, answer.service)
    if wanted is None or scene.draft or wanted not in menus.forms_of_municipality(scene):
        return ()
    return (choices.form(wanted, scene.say(f"menu.start_{wanted}"), prefilled),)


def answer_reply(scene: Scene, answer: Answer, buttons: tuple[Choice, ...] = ()) -> Reply:
    """One brochure answer as a reply."""
    sources = tuple(SourceLine(s.brochure, s.publisher, s.municipality, s.label) for s in answer.sources)
    return Reply(answer.text, buttons, sources, source_word=scene.say("source"))


def no_answer(
    scene: Scene,
    named: tuple[str, ...] = (),
    confidence: float = 1.0,
    topic: str | None = None,
    near: tuple[tuple[str, str], ...] = (),
) -> Outcome:
    """That the brochures do not say it, the way to a person, and the nearest questions as buttons.

    `topic` is what was understood and has no answer; `near` are (topic, service) pairs that may have been meant.
    """
    say, library = scene.say, scene.tools.library
    service = next((name for name in named if library.topics_for(name)), None)
    if service and topic:
        first = say("no_answer.service", service=menus.service_in_sentence(scene, service))
    else:
        first = say("no_answer.scope")
    nearest = tuple(menus.question_choice(scene, *pair) for pair in near)
    rest = menus.topic_choices(scene, service)[: menus.MAX_TOPICS] if service else menus.service_choices(scene)
    offered = tuple(dict.fromkeys((*nearest, *rest)))[: menus.MAX_TOPICS]
    buttons = (*offered, choices.command("human", say("menu.human")), *callback(scene))
    text = "\n\n".join((first, say("no_answer.human"), say("no_answer.near")))
    return menus.offer(scene, text, buttons, Account("no_answer", confidence=confidence))


def callback(scene: Scene) -> tuple[Choice, ...]:
    """The button to be contacted, where this channel has the form."""
    if "kontakta_mig" not in menus.forms_here(scene):
        return ()
    return (choices.form("kontakta_mig", scene.say("menu.start_kontakta_mig")),)


def _which_service(scene: Scene, topic: str, possible: tuple[str, ...], confidence: float) -> Outcome:
    library = scene.tools.library
    buttons = tuple(choices.topic(topic, name, library.service_label(name, scene.language)) for name in possible)
    account = Account("clarify", topics=tuple((topic, name) for name in possible), confidence=confidence)
    return menus.offer(scene.remember(topic=topic), scene.say("clarify.service"), buttons, account)


def _meant(scene: Scene, understanding: Understanding, named: tuple[str, ...]) -> Outcome:
    """The likeliest questions as buttons: "Menade du något av det här?"."""
    pairs = _near(scene, understanding, named, least=0.0)
    if not pairs:
        return no_answer(scene, named, understanding.confidence)
    buttons = tuple(menus.question_choice(scene, topic, service) for topic, service in pairs)
    buttons = (*buttons, choices.command("human", scene.say("menu.human")))
    account = Account("clarify", topics=pairs, confidence=understanding.confidence)
    return menus.offer(scene, scene.say("clarify.meant"), buttons, account)


def _near(
    scene: Scene, understanding: Understanding, named: tuple[str, ...], least: float = NEAR
) -> tuple[tuple[str, str], ...]:
    """The likeliest (topic, service) pairs, at most three, each at least `least` likely."""
    likely = [topic_of(intent, scene) for intent, share in understanding.ranking[:4] if share >= least]
    pairs = [(topic, _service_for(scene, topic, named)) for topic in likely if topic]
    return tuple((topic, service) for topic, service in pairs if service)[:3]


def _service_for(scene: Scene, topic: str, named: tuple[str, ...]) -> str | None:
    """The service to offer a topic for: named, talked about, general, or the first that has it."""
    possible = scene.tools.library.services_for(topic)
    wanted = (*named, scene.state.service or "", GENERAL, *possible)
    return next((service for service in wanted if service in possible), None)
