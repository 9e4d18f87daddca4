"""The baton in a form's summary: what somebody at work may choose, and the whole form as a guardian reads it.

Only replies and buttons are made here. Whose answer is whose, and what a guardian may see, is in `baton.view`.
"""

from datetime import datetime

from bot import choices
from bot.baton import view as baton_view
from bot.form import shown as form_shown
from bot.scene import STOCKHOLM, Scene
from bot.turn import Choice, Reply
from forms.answer_types import show
from forms.form import in_language
from forms.journey import Journey
from forms.loader import form_from_snapshot
from storage.batons import Baton

AT_WORK = "yrkesperson"
"""Who meets the family at work, in the slot `vem_fyller_i` of every application."""


def day(at: datetime | None) -> str:
    """The day in Sweden, as 2026-11-03; nothing for no time."""
    return at.astimezone(STOCKHOLM).date().isoformat() if at else ""


def at_work(scene: Scene) -> bool:
    """Whether the open form is filled in by somebody at work, here where it can be handed over and printed."""
    draft = scene.draft
    if draft is None or draft.baton is not None or scene.tools.batons is None or scene.turn.channel != "web":
        return False
    return draft.answers.get("vem_fyller_i") == AT_WORK


def choices_at_summary(scene: Scene) -> tuple[Choice, ...]:
    """What else somebody at work can do with a form that is ready; nothing for anybody else."""
    if not at_work(scene) or scene.draft is None:
        return ()
    token, say = scene.draft.token, scene.say
    return (
        choices.action(token, "hand_over", say("baton.hand_over")),
        choices.action(token, "print", say("blankett.print")),
    )


def carry_choices(scene: Scene) -> tuple[Choice, ...]:
    """The button under a question that takes the open form to the web chat; none there, and none without an address."""
    known = scene.tools.batons is not None and scene.tools.web_address is not None
    if scene.turn.channel != "telegram" or not known or scene.draft is None:
        return ()
    return (choices.action(scene.draft.token, "carry", scene.say("carry.move")),)


def summary(scene: Scene, journey: Journey) -> Reply | None:
    """Every answer with who wrote it and when, for the guardian who has opened a link; None for an ordinary draft."""
    baton = baton_view.baton_of(scene)
    if baton is None or scene.draft is None or scene.form is None:
        return None
    say, token, sent = scene.say, scene.draft.token, baton.reference is not None
    about_writer = {one.slot for one in form_from_snapshot(baton.form).questions if baton_view.about_writer(one)}
    of_family = [slot for slot in journey.relevant_answers if slot not in about_writer]
    of_writer = [slot for slot in journey.relevant_answers if slot in about_writer]
    parts = [
        say("baton.summary", form=in_language(scene.form.title, scene.language)),
        "\n".join(_line(scene, journey, baton, slot) for slot in of_family),
    ]
    if of_writer:
        about = [_line(scene, journey, baton, slot, dated=False) for slot in of_writer]
        parts.append("\n".join((say("baton.about_writer"), *about)))
    hidden = baton_view.hidden_from(baton, baton_view.number_of(scene))
    if hidden:
        parts.append(say("baton.hidden", answers=", ".join(_labels(scene, baton, hidden))))
    parts.append(say("baton.ready_sent" if sent else "baton.ready"))
    change = () if sent else (choices.action(token, "change", say("form.change")),)
    buttons = (
        choices.action(
            token, "approve", say("baton.approve_sent" if sent else "baton.approve"), form_shown.mark(scene, journey)
        ),
        *change,
        choices.action(token, "decline", say("baton.decline")),
        choices.action(token, "cancel", say("form.cancel")),
    )
    return Reply("\n\n".join(parts), buttons)


def leaving(scene: Scene, key: str, **more: str) -> str | None:
    """What leaving the open form for something else means for a guardian, whose answers stay behind the link; None for
    an ordinary draft.
    """
    baton = baton_view.baton_of(scene)
    if baton is None or scene.form is None:
        return None
    return scene.say(key, form=in_language(scene.form.title, scene.language), date=day(baton.expires_at), **more)


def _labels(scene: Scene, baton: Baton, slots: frozenset[str]) -> list[str]:
    questions = form_from_snapshot(baton.form).questions
    return [in_language(question.label, scene.language) for question in questions if question.slot in slots]


def _line(scene: Scene, journey: Journey, baton: Baton, slot: str, *, dated: bool = True) -> str:
    question = journey.form.question(slot)
    assert scene.draft is not None and question is not None  # it is on the path
    value = scene.draft.answers[slot]
    values = {
        "question": in_language(question.label, scene.language),
        "answer": scene.say("form.summary_skipped") if value is None else show(question, value, scene.language),
    }
    given = scene.draft.given.get(slot)
    if not given or value is None or not dated:
        return scene.say("baton.line_empty", **values)
    mine = baton_view.who(baton, baton_view.number_of(scene))
    others = "other" if baton_view.is_guardian(given["by"]) else AT_WORK
    key = "you" if given["by"] in (mine, baton_view.GUARDIAN) else others
    date = day(datetime.fromisoformat(given["at"]))
    return scene.say("baton.line", **values, who=scene.say(f"baton.who.{key}"), date=date)
