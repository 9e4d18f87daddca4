"""A guardian's side of the baton: the link is opened, the answers are read and corrected in the ordinary dialogue, and
every correction is kept in the baton.

`renewed` and `kept` stand around each turn of a conversation that has such a draft; what a guardian answers in the end
is in `baton.answering`.
"""

from dataclasses import replace

from bot import menus
from bot.baton import asking as baton_asking
from bot.baton import view as baton_view
from bot.form.asking import ask
from bot.scene import Outcome, Scene
from bot.turn import Account, Reply
from forms.form import in_language
from forms.loader import form_from_snapshot
from storage.batons import Baton, BatonAnswer, BatonSaved, OpenedLink

ACCOUNT = Account("form", command="baton")


def open_baton(scene: Scene, opened: OpenedLink) -> Outcome:
    """The link was opened with its code: the form to read, or what this guardian has answered already."""
    baton, number = opened.baton, opened.number
    scene = scene.remember(
        municipality=baton.municipality, greeted=True, language=scene.state.language or scene.turn.language
    )
    title = in_language(form_from_snapshot(baton.form).title, scene.language)
    if baton.links[number - 1].state == "approved":
        said = scene.say("baton.already_approved", form=title, reference=baton.reference or "")
        return menus.offer(scene, said, menus.start_choices(scene), ACCOUNT)
    draft = scene.draft
    if draft is None or draft.baton != baton.token or baton_view.number_of(scene) != number:
        draft = baton_view.opened_draft(scene, baton, number)
    rows = tuple(row for row in scene.state.opened if row[1:] != (baton.token, str(number)))
    scene = scene.with_draft(draft).remember(
        opened=(*rows, (draft.token, baton.token, str(number))), pending=None, selecting=None
    )
    sent = baton_asking.day(baton.received_at)
    said = scene.say("baton.opened_sent", form=title, date=sent) if sent else scene.say("baton.opened", form=title)
    return ask(scene, ACCOUNT).before(Reply(said))


def renewed(scene: Scene) -> Scene:
    """The scene with the baton's answers as they are now; without the draft when the guardian can no longer answer."""
    if scene.draft is None or scene.draft.baton is None:
        return scene
    baton, number = baton_view.baton_of(scene), baton_view.number_of(scene)
    if baton is None or not number or baton.links[number - 1].state in ("approved", "expired"):
        return scene.with_draft(None)
    return scene.with_draft(baton_view.renewed(scene, scene.draft, baton, number))


def kept(before: Scene, after: Scene, done: Outcome) -> Outcome:
    """The outcome with what it does to the baton. `before` is the scene as it was stored, `after` as it was renewed."""
    if before.draft is None or before.draft.baton is None:
        return done
    if after.draft is None:
        return done.before(Reply(before.say("baton.gone")))
    baton = baton_view.baton_of(after)
    if baton is None or any(isinstance(effect, BatonAnswer) for effect in done.effects):
        return done
    number = baton_view.number_of(after)
    if done.draft is None or done.draft.baton != baton.token:
        return _let_go(after, baton, number, done)
    changed = {
        slot: value
        for slot, value in done.draft.answers.items()
        if slot != baton_view.NAME and (slot not in after.draft.answers or after.draft.answers[slot] != value)
    }
    if not changed:
        return done
    if baton.reference:
        title = in_language(form_from_snapshot(baton.form).title, after.language)
        after = after.with_draft(replace(after.draft, asking=None)).remember(selecting=None)
        return ask(after).before(Reply(after.say("baton.already_sent", form=title)))
    who = baton_view.written(baton_view.who(baton, number), after.turn.received_at)
    given = dict.fromkeys(changed, who)
    draft = replace(done.draft, given={**done.draft.given, **given})
    return replace(done, draft=draft, effects=(*done.effects, BatonSaved(baton.token, changed, given)))


def _let_go(scene: Scene, baton: Baton, number: int, done: Outcome) -> Outcome:
    """The draft is open here no more. An answer that ends the form (protected identity) also ends this link."""
    if (
        done.account.kind != "form"
        or done.draft is not None
        or baton.links[number - 1].state not in ("waiting", "opened")
    ):
        return done
    declined = BatonAnswer(baton.token, number, "declined")
    return replace(done, effects=(*done.effects, declined), replies=(*done.replies, Reply(scene.say("baton.stopped"))))
