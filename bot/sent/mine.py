""" "Mina uppgifter": what is kept of this conversation and for how long, what was sent in from it, what can be deleted.

Only what this conversation has begun or sent in, or found by reference and code, is here; nobody is looked up.
"""

from bot import choices, menus
from bot.baton import states as baton_states
from bot.form import interruptions as form_interruptions
from bot.form import sibling as form_sibling
from bot.scene import STOCKHOLM, Outcome, Scene
from bot.sent import status
from bot.turn import Choice
from forms.form import in_language

LISTED = 5
"""So many of the latest that were sent in are listed."""


def my_data(scene: Scene, detail: str) -> Outcome:
    """The open form, what was handed over, what was sent in, what is kept of the chat; and what can be done."""
    parts, buttons = _draft(scene)
    handed, more = baton_states.handed_over(scene)
    sent, about = _sent(scene)
    texts = (*parts, *handed, *sent, scene.say("my_data.chat"), *_kept(scene), scene.say("my_data.sent"))
    rest = menus.start_choices(scene) if scene.draft is None else ()
    return menus.offer(scene, "\n\n".join(texts), (*buttons, *more, *about, *rest))


def _draft(scene: Scene) -> tuple[list[str], tuple[Choice, ...]]:
    say = scene.say
    if scene.draft is None or scene.form is None:
        return [say("my_data.none")], ()
    began = scene.draft.started_at.astimezone(STOCKHOLM).date().isoformat()
    text = say("my_data.draft", form=in_language(scene.form.title, scene.language), date=began)
    until = form_interruptions.kept_until(scene)
    buttons = (
        choices.action(scene.draft.token, "resume", say("menu.resume")),
        choices.action(scene.draft.token, "cancel", say("my_data.delete_draft")),
    )
    return [" ".join((text, *until))], buttons


def _sent(scene: Scene) -> tuple[list[str], tuple[Choice, ...]]:
    """What was sent in, a line for each, and what can be done about each."""
    listed = scene.state.sent[-LISTED:]
    if not listed:
        return [], ()
    lines = [scene.say("my_data.sent_from_here")]
    buttons: list[Choice] = []
    for one in listed:
        now = status.status_now(scene, one)
        lines.append(f"• {status.line(scene, one)}")
        if now == "waiting_for_completion" and scene.tools.requests_of(one.reference):
            lines.append("  " + scene.say("my_data.asked"))
        numbered = f" ({one.reference})" if len(listed) > 1 else ""
        buttons += status.choices_about(scene, one, now, numbered)
    return ["\n".join(lines)], (*buttons, *form_sibling.copy_choices(scene))


def _kept(scene: Scene) -> list[str]:
    """Until when the conversation is kept, by the municipality's rules; nothing where they are not known."""
    until = scene.tools.kept(scene.draft, scene.turn.received_at).get("conversations")
    parts = [scene.say("my_data.kept", date=until.isoformat())] if until else []
    if scene.state.copies:
        last = max((copy.until for copy in scene.state.copies if copy.until), default=None)
        parts.append(scene.say("my_data.copies", date=last) if last else scene.say("my_data.copies_no_end"))
    if scene.state.reach is not None:
        parts.append(scene.say("my_data.reach"))
    return parts
