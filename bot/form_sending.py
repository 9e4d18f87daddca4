"""Sending a form in: everything checked once more, one submission, a reference, and what happens next."""

from dataclasses import replace

from bot import choices, menus
from bot.form_asking import ask, journey_of
from bot.safety import contact_lines
from bot.scene import STOCKHOLM, Outcome, Scene, outcome
from bot.turn import Account, Receipt, Reply
from forms.form import in_language
from forms.loader import form_to_snapshot
from storage.submissions import NewSubmission, make_reference


def submit(scene: Scene) -> Outcome:
    """Send in: one submission with a reference, and what happens next. Every answer is checked once more."""
    assert scene.draft is not None and scene.form is not None
    journey, form, say, language = journey_of(scene), scene.form, scene.say, scene.language
    if not journey.is_complete or scene.municipality is None:
        return ask(scene).before(Reply(say("form.not_complete")))
    reference = make_reference()
    submission = NewSubmission(
        reference=reference,
        draft_token=scene.draft.token,
        form_id=form.id,
        form_version=form.version,
        form_snapshot=form_to_snapshot(form),
        answers=journey.relevant_answers,
        flags=journey.flags,
        municipality=scene.municipality.id,
        channel=scene.turn.channel,
        language=language,
    )
    day = scene.turn.received_at.astimezone(STOCKHOLM).date().isoformat()
    title, place = in_language(form.title, language), scene.municipality.names[scene.language]
    parts = [
        say("form.receipt", form=title, municipality=place, date=day),
        say("form.reference", reference=reference),
        in_language(form.receipt, language),
        "\n".join(contact_lines(scene)),
    ]
    ended = scene.with_draft(None).remember(selecting=None, service=None, topic=None)
    ended = _sent(ended, scene.draft.token)
    reply = Reply("\n\n".join(part for part in parts if part), menus.start_choices(scene))
    account = Account("form", form_id=form.id)
    receipt = Receipt(reference, form.id)
    return outcome(ended, reply, account=account, submission=submission, receipt=receipt)


def already_sent(scene: Scene, token: str) -> Outcome | None:
    """The receipt again, when the draft with this token has been sent in; else None."""
    found = scene.tools.receipt_for(token)
    if found is None:
        return None
    reference, form_id = found
    account, receipt = Account("form", form_id=form_id), Receipt(reference, form_id)
    said = Reply(scene.say("form.already", reference=reference))
    if scene.draft:
        return replace(ask(scene, account).before(said), receipt=receipt)
    buttons = menus.start_choices(scene)
    return outcome(_sent(scene, token), replace(said, choices=buttons), account=account, receipt=receipt)


def _sent(scene: Scene, token: str) -> Scene:
    """The first menu; "Skicka in" once more, typed or named by its label, is still the button that was tapped."""
    again = choices.action(token, "submit", scene.say("form.submit"))
    return scene.remember(offered=(*menus.start_choices(scene), again))
