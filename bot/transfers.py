"""From another channel to the web chat: a link that works once, for some minutes, and goes on at the same question.

The link holds no answers, only where they are found; the municipality and the language beside it say how the page is
shown. Until the link is used, an open form stays open where it was.
"""

from dataclasses import replace
from urllib.parse import urlencode

from bot import choices, menus
from bot.baton import asking as baton_asking
from bot.form.asking import ask
from bot.scene import Outcome, Scene
from bot.turn import Account, Reply
from forms.conditions import Value
from forms.form import Form, in_language
from forms.loader import form_to_snapshot
from storage.conversations import Draft, make_draft_token
from storage.transfers import NewTransfer, make_transfer_token


def carry(scene: Scene, detail: str) -> Outcome:
    """The open form's link to the web chat."""
    if not baton_asking.carry_choices(scene) or scene.draft is None or scene.form is None:
        return ask(scene).before(Reply(scene.say("out.unknown_choice")))
    draft = replace(scene.draft, form=scene.draft.form or form_to_snapshot(scene.form))
    token = make_transfer_token()
    title = in_language(scene.form.title, scene.language)
    parts = (scene.say("carry.moved", form=title), _link(scene, token), scene.say("carry.link"))
    done = menus.offer(scene, "\n\n".join(parts), (choices.action(draft.token, "resume", scene.say("form.continue")),))
    return replace(done, effects=(NewTransfer(token, draft),), account=Account("form", form_id=draft.form_id))


def elsewhere(scene: Scene, form: Form, answers: dict[str, Value]) -> Outcome | None:
    """Where a form that may not be filled in here goes on; None when there is no link to give."""
    if scene.tools.batons is None or scene.tools.web_address is None or scene.turn.channel == "web":
        return None
    now, token = scene.turn.received_at, make_transfer_token()
    draft = Draft(make_draft_token(), form.id, form.version, answers, None, now, now, form=form_to_snapshot(form))
    title = in_language(form.title, scene.language)
    text = scene.say("form.elsewhere", form=title, address=_link(scene, token)) + "\n\n" + scene.say("carry.link")
    done = menus.offer(scene, text, (choices.command("human", scene.say("menu.human")),))
    return replace(
        done, effects=(NewTransfer(token, draft),), account=Account("form", form_id=form.id, prefilled=answers)
    )


def _link(scene: Scene, token: str) -> str:
    assert scene.tools.batons is not None
    named = {"lang": scene.language}
    if scene.municipality is not None:
        named["kommun"] = scene.municipality.id
    return f"{scene.tools.batons.address}/fortsatt/{token}?{urlencode(named)}"
