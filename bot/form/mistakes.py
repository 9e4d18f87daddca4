"""An answer that cannot be read: why, an example, and after the third try a way on.

The way on is to leave the question out, which staff see; where that cannot be, the municipality's telephone.
"""

from dataclasses import replace

from bot import choices, menus
from bot.form import tries as form_tries
from bot.form.asking import ask
from bot.safety import contact_lines
from bot.scene import Outcome, Scene
from bot.turn import Choice, Reply
from forms.answer_error import AnswerError
from forms.form import Question, in_language

CONTACT = "kontakta_mig"


def wrong(scene: Scene, question: Question, error: AnswerError) -> Outcome:
    """The answer to `question` cannot be taken: said why, with an example; the question is asked again."""
    assert scene.draft is not None
    scene = scene.with_draft(form_tries.counted(scene.draft, question.slot))
    assert scene.draft is not None
    parts = [scene.say(error.key, **error.params), *_example(scene, question)]
    if not form_tries.tried_enough(scene.draft, question.slot):
        return ask(scene).before(Reply(" ".join(parts)))
    way_on, buttons = _way_on(scene, question)
    again = ask(scene)
    said = Reply("\n\n".join((" ".join(parts), way_on)), buttons)
    return replace(again.before(said), state=replace(again.state, offered=(*buttons, *again.state.offered)))


def _example(scene: Scene, question: Question) -> list[str]:
    """Something that can be written, for the types whose reasons have no example of their own."""
    if question.type not in ("choice", "multi_choice"):
        return []
    label = next((in_language(o.label, scene.language) for o in question.options if not o.stops), "")
    return [scene.say("form.example", answer=label)] if label else []


def _way_on(scene: Scene, question: Question) -> tuple[str, tuple[Choice, ...]]:
    assert scene.draft is not None and scene.form is not None
    say, token = scene.say, scene.draft.token
    if form_tries.can_be_left_out(scene.form, question):
        leave = choices.action(token, "leave_out", say("form.leave_out"), question.slot)
        return say("form.leave_out_how"), (leave,)
    human = choices.command("human", say("menu.human"))
    text = "\n".join((say("form.needed"), *(contact_lines(scene, urgent=True) or [say("human.other")])))
    callback = CONTACT in menus.forms_here(scene) and CONTACT in menus.forms_of_municipality(scene)
    if scene.form.id == CONTACT or not callback:
        return text, (human,)
    return text, (choices.form(CONTACT, say(f"menu.start_{CONTACT}")), human)
