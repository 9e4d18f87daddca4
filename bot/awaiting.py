"""Answers to what the bot asked beside a form's questions: a reference, a municipality, a language, "vill du avbryta?".

What is waited for stands in `state.pending`, for one turn; a municipality that a form needs is waited for until it is
given. While something is waited for, a text never becomes an answer to the form's open question by mistake.
"""

import re

from bot import commands
from bot.baton import answering as baton_answering
from bot.baton import signed as blankett_signed
from bot.command_phrases import read_command
from bot.form import correcting as form_correcting
from bot.form import filling as form_filling
from bot.form import naming as form_naming
from bot.form import opening as form_opening
from bot.form.asking import resume
from bot.reading import and_ask_again
from bot.scene import Outcome, Scene
from bot.sent import status
from bot.text import folded
from bot.understanding import looks_like_question
from forms.answer_error import AnswerError
from forms.yes_no import read_yes_no

FOR_A_FORM = "form:"
NAMING = 6
"""Words up to which a text may name an answer to change."""
SHORT = 4
"""Words up to which a text that names a municipality, an answer or a language is nothing else."""
NO_ANSWER_EITHER = frozenset({"skip", "dont_know", "change", "cancel", "language"})
"""Commands that say something about what was asked; all others are for later."""
LANGUAGES = {"sv": r"svenska|swedish", "en": r"engelska|english"}
DELETE = re.compile(r"\b(?:radera|ta bort|avbryt|delete|cancel)\b", re.IGNORECASE)
NEGATED = re.compile(r"\b(?:nej|inte|aldrig|vänta|no|not|don'?t|never|wait)\b", re.IGNORECASE)
GO_ON = re.compile(r"\b(?:fortsätt|fortsatt|continue|go on|keep)\b", re.IGNORECASE)


def answer(awaited: str | None, scene: Scene, text: str) -> Outcome | None:
    """The outcome when `text` answers what was waited for; None when it is to be understood as usual."""
    asked = awaited if awaited and awaited.partition(":")[0] == status.STATUS else None
    done = status.answer(scene, asked, text) if asked else status.unasked(scene, text)
    if done:
        return and_ask_again(scene, done) if scene.draft else done
    if awaited is None:
        return None
    if awaited.startswith(FOR_A_FORM):
        return _municipality(scene, text)
    handler = _WAITED_FOR.get(awaited)
    said = read_command(text)
    if handler is None or (said is not None and said.name not in NO_ANSWER_EITHER):
        return None
    return handler(scene, text)


def _cancelling(scene: Scene, text: str) -> Outcome | None:
    if scene.draft is None:
        return None
    try:
        yes = read_yes_no(text)
    except AnswerError:
        if GO_ON.search(text) or NEGATED.search(text):
            return resume(scene)
        if not DELETE.search(text):
            return None if looks_like_question(text) else form_filling.act(scene, "cancel")
        yes = True
    return form_filling.act(scene, "cancel", "yes") if yes else resume(scene)


def _changing(scene: Scene, text: str) -> Outcome | None:
    if scene.draft is None:
        return None
    if done := form_correcting.correct(scene, text):
        return done
    if len(text.split()) <= NAMING and form_naming.slots_named(scene, text):
        return form_filling.act(scene, "change", text)
    return None if looks_like_question(text) else form_filling.act(scene, "change")


def municipality_named(scene: Scene, text: str) -> str | None:
    """The municipality that a short text names, as "Vingåker" or "jag bor i Sala"; None otherwise."""
    words = re.findall(r"\w+", folded(text))
    if len(words) > SHORT:
        return None
    known = [place.id for place in scene.tools.library.municipalities]
    return next((place for place in known if any(word in (place, f"{place}s") for word in words)), None)


def _municipality(scene: Scene, text: str) -> Outcome | None:
    named = municipality_named(scene, text)
    return chosen_municipality(scene, named) if named else None


def chosen_municipality(scene: Scene, named: str) -> Outcome:
    """The municipality is `named`: go on with the form that waited for it, or with the one that is open."""
    pending = scene.state.pending or ""
    _, form_id, *prefilled = (*pending.split(":", 2), "")
    if pending.startswith(FOR_A_FORM) and form_id in scene.tools.forms:
        return form_opening.start(scene.remember(municipality=named, pending=None), form_id, *prefilled)
    if scene.draft is None:
        return commands.choose_municipality(scene, named)
    return form_opening.move(scene, named)


def _language(scene: Scene, text: str) -> Outcome | None:
    named = next((name for name, words in LANGUAGES.items() if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE)), "")
    if not named or len(text.split()) > SHORT:
        return None
    done = commands.run(scene, "language", named)
    return and_ask_again(scene, done) if done and scene.draft else done


_WAITED_FOR = {
    "cancel": _cancelling,
    "change": _changing,
    "municipality": _municipality,
    "language": _language,
    baton_answering.REASON: baton_answering.take_reason,
    blankett_signed.SIGNED: blankett_signed.take_day,
}
