"""A text while a form is open: read as the open question's answer first, understood as something else otherwise.

A text belongs to the open question unless it looks like a question or a command; then the NLU decides. What is said in
between is answered and the open question is asked again.
"""

import contextlib
import re
from dataclasses import replace
from functools import partial

from bot import answering, commands, form_asking, form_filling, safety
from bot.scene import Outcome, Scene
from bot.text import mask_personnummer
from bot.turn import Account, Reply
from bot.understanding import (
    FEW_WORDS,
    SURE_OF_COMMAND,
    danger_in,
    danger_in_story,
    detail_of,
    in_language,
    looks_like_question,
    understand,
)
from forms.answer_error import AnswerError
from nlu.client import NluUnavailableError, Understanding

SURE_WITHOUT_QUESTION_MARK = 0.75

_COMMANDING = re.compile(
    r"\b(?:avbryt\w*|tillbaka|hoppa|ångra\w*|ändra\w*|hjälp|människa|börja om|fel|sluta|vet inte|stämmer inte|varför"
    r"|cancel|back|skip|change|help|human|start over|wrong|stop|don'?t know|why)\b",
    re.IGNORECASE,
)
_WORDY = ("text", "long_text")
_CHOSEN = ("choice", "multi_choice")


def _looks_like_command(text: str) -> bool:
    """Whether a text begins with a word of a command, or is hardly more than one."""
    return bool(_COMMANDING.match(text) or (len(text.split()) <= FEW_WORDS and _COMMANDING.search(text)))


def in_form(scene: Scene, text: str) -> Outcome | None:
    """A text while a form is open; None when none is."""
    if scene.draft is None:
        return None
    question = form_asking.open_question(scene)
    if question is None:
        return _other_than_answer(scene, text, _understood(scene, text)) or form_asking.ask(scene)
    wordy = question.type in _WORDY
    if wordy and (looks_like_question(text) or _looks_like_command(text)):
        other = _other_than_answer(scene, text, _understood(scene, text))
        if other:
            return other
    told = _understood(scene, text) if question.type in _CHOSEN and len(text.split()) >= FEW_WORDS else None
    if danger := _told_danger(scene, text, told):
        return danger
    kept, had_number = mask_personnummer(text) if wordy else (text, False)
    try:
        taken = form_filling.take_text(scene, question, kept)
    except AnswerError as error:
        other = None if wordy else _other_than_answer(scene, text, told or _understood(scene, text))
        return other or form_asking.ask(scene).before(Reply(scene.say(error.key, **error.params)))
    return taken.before(Reply(scene.say("out.personnummer"))) if had_number else taken


def _understood(scene: Scene, text: str) -> Understanding | None:
    """What the NLU makes of a text; None while its process is away."""
    try:
        return understand(scene, text)
    except NluUnavailableError:
        return None


def _told_danger(scene: Scene, text: str, understood: Understanding | None) -> Outcome | None:
    """The emergency reply when the NLU finds danger in a text; None otherwise."""
    danger = _danger(scene, text, understood) if understood else None
    if understood is None or danger is None:
        return None
    return crisis_in_form(scene, text, safety.crisis(in_language(scene, text), danger, understood.confidence, text))


def _danger(scene: Scene, text: str, understood: Understanding) -> str | None:
    try:
        return danger_in(understood, text) or danger_in_story(partial(understand, scene), text)
    except NluUnavailableError:
        return danger_in(understood, text)


def _other_than_answer(scene: Scene, text: str, understood: Understanding | None) -> Outcome | None:
    """What a text means beside the open question: danger, a command, a brochure question. None = nothing else."""
    if understood is None:
        return None
    if danger := _told_danger(scene, text, understood):
        return danger
    intent, sure = understood.intent, understood.confidence
    command = FORM_INTENTS.get(intent) or commands.INTENTS.get(intent)
    if command and sure >= SURE_OF_COMMAND and not (intent == "affirm" and form_asking.open_question(scene)):
        return command_in_form(scene, command, detail_of(command, understood, text))
    enough = answering.SURE if "?" in text else SURE_WITHOUT_QUESTION_MARK
    if answering.topic_of(intent, scene) and looks_like_question(text) and sure >= enough:
        return and_ask_again(scene, answering.respond_to(scene, understood))
    return None


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
    return done if name == "my_data" else and_ask_again(scene, done, keep_buttons=True)


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
