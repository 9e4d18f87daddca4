"""Sending a form in: everything checked once more, one submission, a reference, and what happens next."""

from dataclasses import replace
from typing import Any

from bot import choices, menus
from bot.form import proposing as form_proposing
from bot.form import shown as form_shown
from bot.form import sibling as form_sibling
from bot.form import tries as form_tries
from bot.form.asking import ask, journey_of, open_question
from bot.safety import contact_lines
from bot.scene import STOCKHOLM, Outcome, Scene, outcome
from bot.sent.remembered import Sent, with_sent
from bot.turn import Account, Choice, Receipt, Reply
from forms.form import Form, in_language
from forms.identities import identities_in
from forms.loader import form_to_snapshot
from storage.intake import make_code
from storage.submissions import NewSubmission, make_reference


def submit_as_shown(scene: Scene, shown: str) -> Outcome:
    """The button of the summary that showed `shown` (its mark): sends in that, or shows where the form is by now."""
    if not journey_of(scene).is_complete:
        return submit(scene)
    return not_as_shown(scene, shown) or submit(scene)


def not_as_shown(scene: Scene, shown: str) -> Outcome | None:
    """Where a complete form is by now, when a question is open in it or its answers are others than those that the
    summary with this mark showed; else None. No mark: any summary.
    """
    if open_question(scene) is not None or form_proposing.shown(scene):
        return ask(scene).before(Reply(scene.say("form.question_open")))
    if shown and shown != form_shown.mark(scene, journey_of(scene)):
        return ask(scene).before(Reply(scene.say("form.changed_since")))
    return None


def submit(scene: Scene) -> Outcome:
    """Send in: one submission with a reference, and what happens next. Every answer is checked once more."""
    assert scene.draft is not None and scene.form is not None
    journey, form, say, language = journey_of(scene), scene.form, scene.say, scene.language
    if not journey.is_complete or scene.municipality is None:
        return ask(scene).before(Reply(say("form.not_complete")))
    reference, code = make_reference(), make_code()
    who = identities_in(form, journey.relevant_answers)
    unclear = form_tries.left_out(scene.draft) & journey.relevant_answers.keys()
    submission = NewSubmission(
        reference=reference,
        draft_token=scene.draft.token,
        form_id=form.id,
        form_version=form.version,
        form_snapshot=_snapshot(scene, form, unclear=bool(unclear)),
        answers=journey.relevant_answers,
        flags=(*journey.flags, *((form_tries.FLAG,) if unclear else ())),
        municipality=scene.municipality.id,
        channel=scene.turn.channel,
        language=language,
        code=code,
        given={slot: given for slot, given in scene.draft.given.items() if slot in journey.relevant_answers},
        names=who.names,
        numbers=who.numbers,
    )
    day = scene.turn.received_at.astimezone(STOCKHOLM).date().isoformat()
    title, place = in_language(form.title, language), scene.municipality.names[scene.language]
    parts = [
        say("form.receipt", form=title, municipality=place, date=day),
        say("form.reference", reference=reference, code=code),
        in_language(form.receipt, language),
        "\n".join(contact_lines(scene)),
    ]
    sent = with_sent(scene.state.sent, Sent(reference, form.id, day))
    ended = form_sibling.remembered(scene).with_draft(None)
    ended = ended.remember(selecting=None, service=None, topic=None, sent=sent)
    further = form_sibling.sibling_choices(ended, scene.draft.token)
    if further:
        parts.append(say("sibling.ask"))
    ended = _sent(ended, scene.draft.token, further)
    reply = Reply("\n\n".join(part for part in parts if part), (*further, *menus.start_choices(ended)))
    account = Account("form", form_id=form.id)
    receipt = Receipt(reference, form.id, code)
    return outcome(ended, reply, account=account, submission=submission, receipt=receipt)


def already_sent(scene: Scene, token: str) -> Outcome | None:
    """The receipt again, when this conversation has sent in the draft with this token; else None."""
    found = scene.tools.receipt_for(token)
    if found is None or found[0] not in {sent.reference for sent in scene.state.sent}:
        return None
    reference, form_id = found
    account, receipt = Account("form", form_id=form_id), Receipt(reference, form_id)
    said = Reply(scene.say("form.already", reference=reference))
    if scene.draft:
        return replace(ask(scene, account).before(said), receipt=receipt)
    buttons = menus.start_choices(scene)
    return outcome(_sent(scene, token), replace(said, choices=buttons), account=account, receipt=receipt)


def _snapshot(scene: Scene, form: Form, *, unclear: bool) -> dict[str, Any]:
    """The form as it was filled in; it also tells staff what the flag means that no form has of its own."""
    snapshot = form_to_snapshot(form)
    if unclear:
        label = {language: wording("form.unclear_flag") for language, wording in scene.tools.wordings.items()}
        snapshot["flag_labels"] = {**snapshot.get("flag_labels", {}), form_tries.FLAG: label}
    return snapshot


def _sent(scene: Scene, token: str, further: tuple[Choice, ...] = ()) -> Scene:
    """The first menu; "Skicka in" once more, typed or named by its label, is still the button that was tapped."""
    again = choices.action(token, "submit", scene.say("form.submit"))
    return scene.remember(offered=(*further, *menus.start_choices(scene), again))
