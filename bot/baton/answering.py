"""What a guardian answers to a baton: approve and send, decline with or without a reason, or close it for now.

The first approval sends the application; what the other guardian answers, before or after, is added to it. Nobody's
answer waits for anybody else's.
"""

from dataclasses import replace

from bot import choices, menus
from bot.baton import asking as baton_asking
from bot.baton import view as baton_view
from bot.form import sending as form_sending
from bot.form import tries as form_tries
from bot.form.asking import ask, journey_of
from bot.scene import Outcome, Scene, outcome
from bot.turn import Account, Reply
from forms.form import in_language
from forms.journey import Journey
from forms.loader import form_from_snapshot
from storage.batons import Baton, BatonAnswer

REASON = "decline"
"""What is waited for after "Tacka nej"."""
LONGEST_REASON = 2000


def approve(scene: Scene, detail: str) -> Outcome:
    """Approve: send it in, or add the approval to what the other guardian has sent."""
    baton, number = baton_view.baton_of(scene), baton_view.number_of(scene)
    if baton is None or scene.draft is None:
        return ask(scene).before(Reply(scene.say("out.unknown_choice")))
    if not journey_of(scene).is_complete:
        return ask(scene).before(Reply(scene.say("form.not_complete")))
    if changed := form_sending.not_as_shown(scene, detail):
        return changed
    name = str(scene.draft.answers[baton_view.NAME])
    approved = BatonAnswer(baton.token, number, "approved", name=name)
    if baton.reference:
        return _told(scene, "baton.approved_sent", approved)
    snapshot = baton_view.form_seen(scene, baton)
    answers = {**baton.answers, **scene.draft.answers}
    seen = form_tries.with_gaps(form_from_snapshot(snapshot), scene.draft)
    journey = Journey(seen, answers, scene.today)
    if not journey.is_complete:
        return ask(scene).before(Reply(scene.say("form.not_complete")))
    who = baton_view.written(baton_view.who(baton, number), scene.turn.received_at)
    given = {**baton.given, **scene.draft.given, baton_view.NAME: who}
    sending = replace(scene.draft, token=baton.token, answers=answers, given=given, form=snapshot)
    sender = scene.with_draft(sending).remember(municipality=baton.municipality)
    done = form_sending.submit(sender)
    return replace(done, effects=(*done.effects, approved)) if done.submission else done


def decline(scene: Scene, detail: str) -> Outcome:
    """Ask whether they want to say why; `plain` declines without."""
    baton = baton_view.baton_of(scene)
    if baton is None or scene.draft is None:
        return ask(scene).before(Reply(scene.say("out.unknown_choice")))
    if detail == "plain":
        return _declined(scene, baton, None)
    buttons = (
        choices.action(scene.draft.token, "decline", scene.say("baton.decline_plain"), "plain"),
        choices.action(scene.draft.token, "resume", scene.say("form.cancel_no")),
    )
    text = scene.say("baton.decline_ask_sent" if baton.reference else "baton.decline_ask")
    account = Account("form", form_id=scene.draft.form_id)
    return menus.offer(scene.remember(pending=REASON), text, buttons, account)


def take_reason(scene: Scene, text: str) -> Outcome | None:
    """The reason, as it was written; None when there is nothing to decline any more."""
    baton = baton_view.baton_of(scene)
    if baton is None:
        return None
    if len(text) > LONGEST_REASON:
        return decline(scene, "").before(Reply(scene.say("baton.decline_long", limit=LONGEST_REASON)))
    return _declined(scene, baton, text)


def _declined(scene: Scene, baton: Baton, reason: str | None) -> Outcome:
    assert scene.draft is not None
    name = scene.draft.answers.get(baton_view.NAME)
    number = baton_view.number_of(scene)
    if baton.links[number - 1].state == "declined":  # said already, and not taken back
        return _closed(scene, "baton.declined_sent" if baton.reference else "baton.declined")
    answer = BatonAnswer(baton.token, number, "declined", reason, str(name) if name else None)
    return _told(scene, "baton.declined_sent" if baton.reference else "baton.declined", answer)


def close(scene: Scene, detail: str) -> Outcome:
    """Stop reading: nothing is sent and nothing is lost, it can be opened again."""
    baton = baton_view.baton_of(scene)
    assert scene.draft is not None and scene.form is not None
    if baton is None or detail == "yes":
        return _closed(scene, "baton.closed")
    token, title = scene.draft.token, in_language(scene.form.title, scene.language)
    buttons = (
        choices.action(token, "cancel", scene.say("baton.close_yes"), "yes"),
        choices.action(token, "resume", scene.say("form.cancel_no")),
    )
    text = scene.say("baton.close_ask", form=title, date=baton_asking.day(baton.expires_at))
    return menus.offer(scene.remember(pending="cancel"), text, buttons, Account("control", command="cancel"))


def _told(scene: Scene, key: str, answer: BatonAnswer) -> Outcome:
    done = _closed(scene, key)
    return replace(done, effects=(answer,), account=Account("form", command="baton"))


def _closed(scene: Scene, key: str) -> Outcome:
    ended = scene.with_draft(None).remember(selecting=None, pending=None)
    buttons = menus.start_choices(ended)
    said = Reply(scene.say(key), buttons)
    return outcome(ended.remember(offered=buttons), said, account=Account("control", command="cancel"))
