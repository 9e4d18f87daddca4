"""A form that a family answers on paper: where the blankett is, and the signed one sent in, marked as such."""

from dataclasses import replace

from bot import choices, menus
from bot.baton import asking as baton_asking
from bot.baton import view as baton_view
from bot.form import sending as form_sending
from bot.form.asking import ask, journey_of
from bot.scene import Outcome, Scene
from bot.turn import Account, Reply
from forms.answer_error import AnswerError
from forms.dates import read_date
from forms.loader import form_to_snapshot
from storage.form_snapshots import Snapshot

SIGNED = "undertecknad"
"""The slot of the day on which the paper was signed; and what is waited for until it is told."""


def print_blankett(scene: Scene, detail: str) -> Outcome:
    """Where the form is as a PDF, and how it comes back."""
    if not baton_asking.at_work(scene) or scene.draft is None or scene.tools.batons is None:
        return ask(scene).before(Reply(scene.say("out.unknown_choice")))
    say, token = scene.say, scene.draft.token
    address = f"{scene.tools.batons.address}/blankett/{token}"
    buttons = (
        choices.action(token, "register", say("blankett.register")),
        choices.action(token, "summary", say("form.to_summary")),
    )
    text = "\n\n".join((say("blankett.made", address=address), say("blankett.register_how")))
    return menus.offer(scene, text, buttons, Account("form", form_id=scene.draft.form_id))


def register(scene: Scene, detail: str) -> Outcome:
    """Ask for the day on the paper."""
    if not baton_asking.at_work(scene) or scene.draft is None:
        return ask(scene).before(Reply(scene.say("out.unknown_choice")))
    if not journey_of(scene).is_complete or scene.municipality is None:
        return ask(scene).before(Reply(scene.say("form.not_complete")))
    back = choices.action(scene.draft.token, "summary", scene.say("form.to_summary"))
    account = Account("form", form_id=scene.draft.form_id)
    return menus.offer(scene.remember(pending=SIGNED), scene.say("blankett.which_day"), (back,), account)


def take_day(scene: Scene, text: str) -> Outcome | None:
    """Send the form in with that day; None when there is nothing to send."""
    draft = scene.draft
    if draft is None or scene.form is None or not baton_asking.at_work(scene):
        return None
    try:
        day = read_date(text, scene.language, scene.today)
    except AnswerError as error:
        return register(scene, "").before(Reply(scene.say(error.key, **error.params)))
    if day > scene.today.isoformat():
        return register(scene, "").before(Reply(scene.say("blankett.future")))
    form = draft.form or form_to_snapshot(scene.form)
    who = baton_view.written(baton_asking.AT_WORK, scene.turn.received_at)
    signed = replace(
        draft,
        answers={**draft.answers, SIGNED: day},
        given={**draft.given, SIGNED: who},
        form=Snapshot({**form, "questions": [*form["questions"], _question(scene)]}),
    )
    done = form_sending.submit(scene.with_draft(signed))
    if done.submission is None:
        return replace(done, draft=draft)
    return replace(done, submission=replace(done.submission, signed_on_paper=True))


def _question(scene: Scene) -> dict[str, object]:
    wordings = scene.tools.wordings
    return {
        "slot": SIGNED,
        "type": "date",
        "required": True,
        "label": {language: say("blankett.signed_label") for language, say in wordings.items()},
        "text": {language: say("blankett.signed_question") for language, say in wordings.items()},
    }
