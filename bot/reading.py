"""A text while a form is open: read as the open question's answer first, understood as something else otherwise.

A text belongs to the open question unless it looks like a question or a command; then the NLU decides. What is said in
between is answered and the open question is asked again.
"""

import contextlib
import re
from dataclasses import replace
from functools import partial

from bot import answering, commands, safety
from bot.command_phrases import NAMES_TOO, changes_an_answer, read_command
from bot.form import asking as form_asking
from bot.form import correcting as form_correcting
from bot.form import filling as form_filling
from bot.form import from_facts as form_facts
from bot.form import mistakes as form_mistakes
from bot.form import naming as form_naming
from bot.form import proposed as form_proposed
from bot.form import proposing as form_proposing
from bot.scene import Outcome, Scene
from bot.text import mask_personnummer
from bot.turn import Account, Reply
from bot.understanding import (
    FEW_WORDS,
    STORY_WORDS,
    SURE_OF_COMMAND,
    danger_in,
    danger_in_story,
    detail_of,
    in_language,
    looks_like_question,
    sentences_of,
    understand,
)
from forms.answer_error import AnswerError
from forms.form import Question
from nlu.client import NluUnavailableError, Understanding

SURE_WITHOUT_QUESTION_MARK = 0.75

_COMMANDING = re.compile(
    r"\b(?:avbryt\w*|tillbaka|hoppa|ångra\w*|ändra\w*|hjälp|människa|börja om|fel|sluta|vet inte|stämmer inte|varför"
    r"|cancel|back|skip|change|help|human|start over|wrong|stop|don'?t know|why)\b",
    re.IGNORECASE,
)
_PERSON = re.compile(r"människa|manniska|person|handläggare|socialsekreterare|human|staff|social worker", re.IGNORECASE)
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
    if form_proposing.is_shown(scene):
        return _other_than_answer(scene, text, _understood(scene, text)) or form_proposed.again(scene)
    wordy = question.type in _WORDY
    if wordy and (looks_like_question(text) or _looks_like_command(text)):
        if question.type == "long_text" and len(text.split()) >= STORY_WORDS:
            return _story(scene, question, text)
        other = _other_than_answer(scene, text, _understood(scene, text))
        if other:
            return other
    told = _understood(scene, text) if question.type in _CHOSEN and len(text.split()) >= FEW_WORDS else None
    if danger := _told_danger(scene, text, told):
        return danger
    if not looks_like_question(text) and (found := form_proposing.several(scene, question, text)):
        return _told_danger(scene, text, told or _understood(scene, text)) or form_proposed.propose(scene, found)
    kept, had_number = mask_personnummer(text) if wordy else (text, False)
    try:
        taken = form_filling.take_text(scene, question, form_facts.answer_in(scene, question, kept))
    except AnswerError as error:
        other = None if wordy else _other_than_answer(scene, text, told or _understood(scene, text))
        return other or form_mistakes.wrong(scene, question, error)
    taken = form_proposed.and_more(scene, question, taken, kept)
    return taken.before(Reply(scene.say("out.personnummer"))) if had_number else taken


def _story(scene: Scene, question: Question, text: str) -> Outcome:
    """A long answer that also asks something: it is kept, and what its last question asks is answered."""
    if danger := _told_danger(scene, text, _understood(scene, text)):
        return danger
    kept, had_number = mask_personnummer(text)
    try:
        taken = form_filling.take_text(scene, question, kept)
    except AnswerError as error:
        return form_mistakes.wrong(scene, question, error)
    asked = next((sentence for sentence in reversed(sentences_of(text)) if sentence.endswith("?")), "")
    heard = _understood(scene, asked) if asked else None
    if heard and answering.topic_of(heard.intent, scene) and heard.confidence >= answering.SURE:
        answered = answering.respond_to(scene, heard)
        told = tuple(replace(reply, choices=()) for reply in answered.replies)
        taken = replace(taken.before(*told), account=answered.account)
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


def said_in_form(scene: Scene, text: str) -> Outcome | None:
    """A text that is nothing but a command, said in one of its many ways; None for all that may be an answer."""
    assert scene.draft is not None
    if put_right := _put_right(scene, text):
        return put_right
    said = read_command(text)
    if said is None:
        named = changes_an_answer(text) and form_naming.slots_named(scene, text)
        return command_in_form(scene, "change", text) if named else None
    question = form_asking.open_question(scene)
    if question is not None and _is_an_answer_too(scene, question, said.name, text):
        return None
    if said.name == "withdraw" and not scene.state.sent:
        return command_in_form(scene, "cancel")
    return command_in_form(scene, FORM_INTENTS.get(said.name, said.name), said.detail)


def _put_right(scene: Scene, text: str) -> Outcome | None:
    """What a text says to a proposal, or against an earlier answer; danger in it comes first."""
    done = form_proposed.answer(scene, text) or form_correcting.correct(scene, text)
    if done is None or len(text.split()) <= FEW_WORDS:
        return done
    return _told_danger(scene, text, _understood(scene, text)) or done


def _is_an_answer_too(scene: Scene, question: Question, command: str, text: str) -> bool:
    """Whether a command is rather one of the open question's answers: "vet inte", "engelska", "prata med någon"."""
    may_be = command in ("skip", "dont_know", "language") or (command == "human" and not _PERSON.search(text))
    return may_be and question.type in _CHOSEN and form_facts.can_be_read(scene, question, text)


def is_a_name_here(scene: Scene, text: str) -> bool:
    """Whether a word that is a command elsewhere may be somebody's name: a text is asked for, and there is no slash."""
    question = form_asking.open_question(scene)
    return question is not None and question.type in _WORDY and text.strip().casefold() in NAMES_TOO


def command_in_form(scene: Scene, name: str, detail: str = "") -> Outcome:
    """A command while a form is open: about the form itself, or something beside it and then on."""
    assert scene.draft is not None
    if told := form_proposed.command(scene, name):
        return told
    question = form_asking.open_question(scene)
    if name == "affirm" or (name == "submit" and question is not None):
        said = () if question else (Reply(scene.say("form.press_submit")),)
        return form_asking.ask(scene).before(*said)
    if name == "deny":
        name = "change" if question is None else "skip" if not question.required else "ask"
    if name == "ask":
        return form_asking.ask(scene)
    if name in form_filling.ACTIONS:
        done = form_filling.act(scene, name, detail if name == "change" else "")
        account = Account(done.account.kind, form_id=done.account.form_id, command=name if name in COUNTED else None)
        return replace(done, account=account)
    done = commands.run(scene, name, detail) or form_asking.ask(scene)
    return done if name == "my_data" else and_ask_again(scene, done, keep_buttons=name in WITH_BUTTONS)


WITH_BUTTONS = frozenset({"human", "status", "withdraw", "simplify", "helped", "not_helped", "protected_identity"})
"""Commands whose own buttons are of use in the middle of a form."""
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
    if question is not None and question.type == "long_text" and not form_proposing.is_shown(scene):
        with contextlib.suppress(AnswerError):
            kept = form_filling.take_text(scene, question, mask_personnummer(text)[0])
            told = tuple(replace(reply, choices=()) for reply in crisis.replies)
            return replace(kept.before(*told, Reply(scene.say("crisis.kept"))), account=crisis.account)
    return and_ask_again(scene, done)
