"""A next application that begins with answers given before: for a sibling, or as a copy of an own earlier one.

What is about the child is always asked anew, and so is every question that can end the form; what a child has said
itself is never reused. Each application is its own draft and its own submission.
"""

from collections.abc import Mapping

from bot import choices, menus
from bot.form import opening as form_opening
from bot.form.asking import journey_of, resume
from bot.scene import Outcome, Scene
from bot.sent.remembered import Copy, with_copy
from bot.turn import Account, Choice, Reply
from forms.answer_types import fits
from forms.conditions import Value
from forms.form import Form, Question, in_language

APPLICATION = "ansokan_"
FOR_CHILDREN = frozenset({"vardnadshavare", "yrkesperson", "annan"})
"""Who can have one more child to apply for; young people and adults write about themselves."""
ROLE = "vem_fyller_i"
ACTIONS = frozenset({"sibling", "copy"})


def remembered(scene: Scene) -> Scene:
    """The scene of a draft that is sent in now, with what a next application can reuse."""
    assert scene.draft is not None and scene.form is not None
    if not scene.form.id.startswith(APPLICATION) or scene.draft.baton:  # in a baton there are others' answers
        return scene
    answers = {
        question.slot: scene.draft.answers[question.slot]
        for question in journey_of(scene).path
        if _is_reused(question) and scene.draft.answers.get(question.slot) is not None
    }
    given = {slot: one for slot, one in scene.draft.given.items() if slot in answers}
    until = scene.tools.kept(scene.draft, scene.turn.received_at).get("drafts")
    copy = Copy(scene.draft.token, scene.form.id, answers, given, until.isoformat() if until else None)
    return scene.remember(copies=with_copy(scene.state.copies, copy))


def without_old(scene: Scene) -> Scene:
    """The scene without answers that have been kept as long as a draft is."""
    today = scene.today.isoformat()
    kept = tuple(copy for copy in scene.state.copies if copy.until is None or copy.until >= today)
    return scene if kept == scene.state.copies else scene.remember(copies=kept)


def sibling_choices(scene: Scene, token: str) -> tuple[Choice, ...]:
    """The button that asks for a sibling's application, where the one just sent was for a child."""
    copy = _copy(scene, token)
    form = scene.tools.forms.get(copy.form_id) if copy else None
    if copy is None or form is None or copy.answers.get(ROLE) not in FOR_CHILDREN:
        return ()
    if not any(question.about_child for question in form.questions):
        return ()
    return (choices.action(token, "sibling", scene.say("sibling.button")),)


def copy_choices(scene: Scene) -> tuple[Choice, ...]:
    """A button for each own application that a new one can begin from; none while a form is open."""
    if scene.draft is not None:
        return ()
    say, forms = scene.say, scene.tools.forms
    return tuple(
        choices.action(
            copy.token, "copy", say("sibling.copy", form=in_language(forms[copy.form_id].title, scene.language))
        )
        for copy in scene.state.copies
        if copy.form_id in forms
    )


def copy(scene: Scene, detail: str) -> Outcome:
    """Said in words: begin again from the latest own application."""
    if scene.draft is not None:
        return resume(scene)
    if not scene.state.copies:
        return menus.offer(scene, scene.say("sibling.nothing"), menus.start_choices(scene))
    return start(scene, scene.state.copies[-1], "copy")


def tapped(scene: Scene, token: str, action: str) -> Outcome | None:
    """A tap under what was sent in from here; None for any other button."""
    found = _copy(scene, token)
    return start(scene, found, action) if found and action in ACTIONS else None


def start(scene: Scene, earlier: Copy, action: str) -> Outcome:
    """A new draft with the answers of an earlier one, or where else the form can be filled in."""
    form = scene.tools.forms.get(earlier.form_id)
    if form is None:
        return menus.offer(scene, scene.say("sibling.nothing"), menus.start_choices(scene))
    if scene.draft is not None or not form_opening.can_begin(scene, form):
        return form_opening.start(scene, form.id)
    answers = _fitting(form, earlier.answers)
    given = {slot: one for slot, one in earlier.given.items() if slot in answers}
    title = in_language(form.title, scene.language)
    said = (Reply(scene.say(f"sibling.begun_{action}", form=title)),)
    return form_opening.begin(scene, form, answers, given, said, Account("form", form_id=form.id))


def _copy(scene: Scene, token: str) -> Copy | None:
    return next((copy for copy in scene.state.copies if copy.token == token), None)


def _fitting(form: Form, answers: Mapping[str, Value]) -> dict[str, Value]:
    """The answers that the form as it is now asks for and takes."""
    return {
        question.slot: answers[question.slot]
        for question in form.questions
        if question.slot in answers and _is_reused(question) and fits(question, answers[question.slot])
    }


def _is_reused(question: Question) -> bool:
    ends = any(option.stops for option in question.options)
    return not (question.about_child or question.childs_voice or ends)
