"""The answer to a proposal: yes to all, no to all, yes without one of them, or what is wrong in it.

What is confirmed becomes answers as if it had been asked; what is not is asked for in its turn.
"""

from collections.abc import Mapping
from dataclasses import replace

from bot import menus
from bot.form import correcting as form_correcting
from bot.form import proposing as form_proposing
from bot.form.asking import ask, journey_of
from bot.form.filling import take
from bot.form.from_facts import facts_in, values_for
from bot.scene import Outcome, Scene
from bot.turn import Account, Reply
from forms.answer_error import AnswerError
from forms.conditions import Value
from forms.form import Question, in_language
from forms.texts import fold
from forms.yes_no import read_yes_no, says_yes

_SKIPPING = frozenset({"skip", "deny"})
"""Commands that say no to a proposal."""


def propose(scene: Scene, found: Mapping[str, Value]) -> Outcome:
    """Say back what was understood, in place of an answer to the open question."""
    assert scene.draft is not None
    return ask(form_proposing.remember(scene.with_draft(replace(scene.draft, asking=None)), found))


def and_more(scene: Scene, question: Question, taken: Outcome, text: str) -> Outcome:
    """An answer to `question` that was taken, and what else its text tells proposed."""
    with_more = form_proposing.beside(scene, question, taken, text)
    return ask(with_more, taken.account).before(*taken.replies[:-1]) if with_more else taken


def act(scene: Scene, detail: str) -> Outcome:
    """A tap on a button of a proposal; one of an earlier proposal changes nothing."""
    what, _, about = detail.partition(".")
    slots = {question.slot for question, _ in form_proposing.shown(scene)}
    if slots and what == "change":
        offer = form_proposing.buttons(scene, each=True)
        account = Account("form", form_id=scene.draft.form_id if scene.draft else None)
        return menus.offer(scene, scene.say("facts.which"), offer, account)
    if what == "not" and about in slots:
        return _without(scene, about)
    if what in ("yes", "no") and about == form_proposing.mark_of(scene):
        return confirm(scene) if what == "yes" else refuse(scene)
    return ask(scene).before(Reply(scene.say("out.stale")))


def command(scene: Scene, name: str) -> Outcome | None:
    """A command said to a proposal, where it means something else than at a question; None for all others."""
    if not form_proposing.is_shown(scene):
        return None
    if name in _SKIPPING:
        return refuse(scene)
    if name == "affirm":
        return confirm(scene)
    return ask(scene).before(Reply(scene.say("facts.why"))) if name == "why" else None


def answer(scene: Scene, text: str) -> Outcome | None:
    """What a text says to the proposal that waits: yes, no, or what is wrong or missing; None when it says neither."""
    if not form_proposing.is_shown(scene):
        return None
    try:
        return confirm(scene) if read_yes_no(text) else refuse(scene)
    except AnswerError:
        pass
    corrected = _corrected(scene, text)
    if corrected is None:
        return None
    agreed = says_yes(fold(text).partition(" ")[0])
    return confirm(corrected) if agreed and form_proposing.is_shown(corrected) else ask(corrected)


def _corrected(scene: Scene, text: str) -> Scene | None:
    """The proposal with what the text says is wrong put right, or left out; with what it says more, added."""
    assert scene.form is not None
    proposed = form_proposing.shown(scene)
    unwanted = form_correcting.left_out(scene, text, proposed)
    if unwanted is not None:
        return _forget(scene, unwanted.slot)
    wrong = form_correcting.find(scene, text, proposed)
    if wrong is not None:
        new = {} if wrong.value is None else {wrong.question.slot: wrong.value}
        return form_proposing.remember(_forget(scene, wrong.question.slot), new)
    found = values_for(scene, scene.form, facts_in(scene, text))
    return form_proposing.remember(scene, found) if found else None


def again(scene: Scene) -> Outcome:
    """The proposal once more, after a text that was neither yes nor no."""
    return ask(scene).before(Reply(scene.say("facts.answer_first")))


def confirm(scene: Scene) -> Outcome:
    """What is proposed becomes answers; then the next question."""
    accepted = [question.slot for question, _ in form_proposing.shown(scene)]
    for slot in accepted:
        found = next((pair for pair in form_proposing.shown(scene) if pair[0].slot == slot), None)
        if found is None:
            continue
        done = take(scene, *found)
        scene = Scene(scene.turn, done.state, done.draft, scene.tools)
        if scene.draft is None:
            return done
    scene = scene.remember(proposed=tuple(pair for pair in scene.state.proposed if pair[0] not in accepted))
    journey = journey_of(scene)
    notices = [in_language(text, scene.language) for slot in accepted for text in journey.notices(slot)]
    return ask(scene).before(*(Reply(text) for text in (scene.say("facts.kept"), *notices)))


def refuse(scene: Scene) -> Outcome:
    """Nothing of it is kept; all is asked for in its turn."""
    return ask(scene.remember(proposed=())).before(Reply(scene.say("facts.refused")))


def _without(scene: Scene, slot: str) -> Outcome:
    question = scene.form.question(slot) if scene.form else None
    label = in_language(question.label, scene.language) if question else slot
    return ask(_forget(scene, slot)).before(Reply(scene.say("facts.left_out", label=label)))


def _forget(scene: Scene, slot: str) -> Scene:
    return scene.remember(proposed=tuple(pair for pair in scene.state.proposed if pair[0] != slot))
