"""Free text: read as the open question's answer first, understood as a question or a command otherwise.

With a form open a text belongs to the open question unless it looks like something else; then the NLU decides. What is
said in between is answered and the open question is asked again.
"""

import contextlib
import re
from dataclasses import replace

from bot import answering, choices, commands, form_asking, form_filling, form_opening, menus, safety
from bot.scene import Outcome, Scene
from bot.text import mask_personnummer
from bot.turn import Account, Reply
from brochures.brochure import GENERAL_SERVICE
from forms.answer_error import AnswerError
from nlu.client import NluUnavailableError, Understanding
from nlu.language import detect

SURE_OF_COMMAND = 0.6
SURE_OF_DANGER = 0.5
SURE_OF_DANGER_IN_FEW_WORDS = 0.85
FEW_WORDS = 3
SURE_WITHOUT_QUESTION_MARK = 0.75
SURE_OF_FORM = 0.5
MAX_QUESTIONS = 3
LONG_STORY_WORDS = 25
OTHER_LANGUAGES = ("fi", "ar", "so", "uk", "fa", "pl", "es")
"""Languages that are recognised but not yet written; asked in one of them, the bot says which it can write."""

_ASKING = re.compile(
    r"\?|^(?:vad|hur|när|nar|var|vem|vilka|vilken|vilket|varför|varfor|får|kan|måste|maste|finns|ska|är"
    r"|what|how|when|where|who|why|which|can|do|does|is|are|must|may)\b",
    re.IGNORECASE,
)
_BETWEEN_QUESTIONS = re.compile(
    r"(?<=\?)\s+|,?\s+(?:och|and)\s+(?=(?:vad|hur|när|var|vem|vilka|får|måste|what|how|when|where|who|do|does|can)\b)",
    re.IGNORECASE,
)
_COMMANDING = re.compile(
    r"\b(?:avbryt\w*|tillbaka|hoppa|ångra\w*|ändra\w*|hjälp|människa|börja om|fel|sluta|vet inte|stämmer inte|varför"
    r"|cancel|back|skip|change|help|human|start over|wrong|stop|don'?t know|why)\b",
    re.IGNORECASE,
)
_WORDY = ("text", "long_text")
_CHOSEN = ("choice", "multi_choice")


def looks_like_question(text: str) -> bool:
    """Whether a text has a question mark or begins as questions do."""
    return bool(_ASKING.search(text))


def _looks_like_command(text: str) -> bool:
    """Whether a text begins with a word of a command, or is hardly more than one."""
    return bool(_COMMANDING.match(text) or (len(text.split()) <= FEW_WORDS and _COMMANDING.search(text)))


def in_form(scene: Scene, text: str) -> Outcome | None:
    """A text while a form is open; None when none is."""
    if scene.draft is None:
        return None
    question = form_asking.open_question(scene)
    if question is None:
        return _other_than_answer(scene, text) or form_asking.ask(scene)
    if question.type in _WORDY and (looks_like_question(text) or _looks_like_command(text)):
        other = _other_than_answer(scene, text)
        if other:
            return other
    if question.type in _CHOSEN and len(text.split()) >= FEW_WORDS and (danger := _told_danger(scene, text)):
        return danger
    kept, had_number = mask_personnummer(text) if question.type in _WORDY else (text, False)
    try:
        taken = form_filling.take_text(scene, question, kept)
    except AnswerError as error:
        other = None if question.type in _WORDY else _other_than_answer(scene, text)
        return other or form_asking.ask(scene).before(Reply(scene.say(error.key, **error.params)))
    return taken.before(Reply(scene.say("out.personnummer"))) if had_number else taken


def _told_danger(scene: Scene, text: str) -> Outcome | None:
    """The emergency reply when a sentence typed at a question with buttons tells of danger; None otherwise."""
    try:
        understood = _understand(scene, text)
    except NluUnavailableError:
        return None
    danger = _danger_in(understood, text)
    return crisis_in_form(scene, text, safety.crisis(in_language(scene, text), danger)) if danger else None


def _other_than_answer(scene: Scene, text: str) -> Outcome | None:
    """What a text means beside the open question: danger, a command, a brochure question. None = nothing else."""
    try:
        understood = _understand(scene, text)
    except NluUnavailableError:
        return None
    intent, sure = understood.intent, understood.confidence
    danger = _danger_in(understood, text)
    if danger:
        return crisis_in_form(scene, text, safety.crisis(in_language(scene, text), danger, sure))
    command = FORM_INTENTS.get(intent) or commands.INTENTS.get(intent)
    if command and sure >= SURE_OF_COMMAND and not (intent == "affirm" and form_asking.open_question(scene)):
        return command_in_form(scene, command, _detail(command, understood, text))
    enough = answering.SURE if "?" in text else SURE_WITHOUT_QUESTION_MARK
    if answering.topic_of(intent, scene) and looks_like_question(text) and sure >= enough:
        return and_ask_again(scene, answering.respond_to(scene, understood))
    return None


def _danger_in(understood: Understanding, text: str) -> str | None:
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


FORM_INTENTS = {
    "skip": "skip",
    "dont_know": "skip",
    "why_ask": "why",
    "correct_answer": "change",
    "deny": "deny",
    "affirm": "affirm",
}
"""NLU intent -> what it does to the open form."""


def command_in_form(scene: Scene, name: str, detail: str = "") -> Outcome:
    """A command while a form is open: about the form itself, or something beside it and then on."""
    assert scene.draft is not None
    question = form_asking.open_question(scene)
    if name == "affirm" or (name == "submit" and question is not None):
        said = () if question else (Reply(scene.say("form.press_submit")),)
        return form_asking.ask(scene).before(*said)
    if name == "deny":
        name = "change" if question is None else "skip" if not question.required else "ask"
    if name in ("skip", "why", "ask") and (question is None or name == "ask"):
        return form_asking.ask(scene)
    if name in form_filling.ACTIONS:
        done = form_filling.act(scene, name, detail if name == "change" else "")
        account = Account(done.account.kind, form_id=done.account.form_id, command=name if name in COUNTED else None)
        return replace(done, account=account)
    done = commands.run(scene, name, detail) or form_asking.ask(scene)
    return done if name in ("restart", "my_data") else and_ask_again(scene, done, keep_buttons=True)


def _detail(command: str, understood: Understanding, text: str) -> str:
    """What a command is about, from the message it came in: a language, a reference, an answer to change."""
    if command == "language":
        return next((entity.value for entity in understood.entities if entity.name == "language"), "")
    return text if command in ("status", "change") else ""


COUNTED = frozenset(commands.HANDLERS)
"""Form actions that are commands of their own as well (back, cancel, resume)."""


def and_ask_again(scene: Scene, done: Outcome, keep_buttons: bool = False) -> Outcome:
    """After something said in the middle of a form: the open question once more, and its buttons."""
    if done.draft is None:
        return done
    again = form_asking.ask(replace(scene, state=done.state, draft=done.draft))
    said = done.replies if keep_buttons else tuple(replace(reply, choices=()) for reply in done.replies)
    offered = tuple(choice for reply in (*said, *again.replies) for choice in reply.choices)
    state = replace(again.state, offered=offered, pending=done.state.pending)
    return replace(again.before(*said), account=done.account, state=state)


def crisis_in_form(scene: Scene, text: str, crisis: Outcome) -> Outcome:
    """Danger in an answer: the emergency reply first. What was told at length is kept; a cry for help is no name."""
    question = form_asking.open_question(scene)
    done = replace(crisis, state=scene.state)
    if question is not None and question.type == "long_text":
        with contextlib.suppress(AnswerError):
            kept = form_filling.take_text(scene, question, mask_personnummer(text)[0])
            told = tuple(replace(reply, choices=()) for reply in crisis.replies)
            return replace(kept.before(*told, Reply(scene.say("crisis.kept"))), account=crisis.account)
    return and_ask_again(scene, done)


def out_of_form(scene: Scene, text: str) -> Outcome:
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


def in_language(scene: Scene, text: str) -> Scene:
    """The scene in the language of the message, unless the resident has chosen one or it is one we do not write."""
    if scene.state.language_chosen:
        return scene
    found = detect(text, (*scene.tools.wordings, *OTHER_LANGUAGES), scene.state.language)
    if found in OTHER_LANGUAGES:
        return scene.remember(other_language=found)
    return scene.remember(language=found) if found else scene


def _understand(scene: Scene, text: str) -> Understanding:
    return scene.tools.understand(mask_personnummer(text)[0])


def _by_meaning(scene: Scene, text: str) -> Outcome:
    """Raises NluUnavailableError."""
    whole = _point_of_story(scene, text) or _understand(scene, text)
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
    whole, point = _understand(scene, text), _understand(scene, question)
    if _danger_in(whole, text) or point.confidence < answering.SURE:
        return whole
    return point if answering.services_of(scene, point) else replace(point, entities=(*point.entities, *whole.entities))


def _several(scene: Scene, parts: list[str]) -> Outcome | None:
    """All answers to a message with several questions, when each part is a brochure question of its own."""
    replies: list[Reply] = []
    topics: list[tuple[str, str]] = []
    done: Outcome | None = None
    for part in parts:
        understood = _understand(scene, part)
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
    danger = _danger_in(understood, text)
    if danger:
        return safety.crisis(scene, danger, sure)
    if intent in commands.INTENTS and sure >= SURE_OF_COMMAND:
        name = commands.INTENTS[intent]
        return commands.run(scene, name, _detail(name, understood, text), sure) or menus.welcome(scene)
    if intent.startswith("start_") and sure >= SURE_OF_FORM:
        return _start(scene, intent.removeprefix("start_"), understood)
    if (intent in FORM_INTENTS or intent == "affirm") and sure >= SURE_OF_COMMAND:
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
    called = scene.tools.library.service_label(service, scene.language)
    said = Reply(say("form.not_here", service=called[:1].lower() + called[1:]))
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
