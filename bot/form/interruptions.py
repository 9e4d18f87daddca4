"""What is asked beside an open question: who reads this, how much is left, can I go on later. The place is kept."""

from dataclasses import replace
from datetime import date

from bot import choices
from bot.form.asking import ask, journey_of, open_question
from bot.scene import Outcome, Scene, outcome
from bot.turn import Account, Reply
from forms.form import in_language


def who_reads(scene: Scene, detail: str) -> Outcome:
    """Who sees the answers, now and when they have been sent in."""
    return ask(scene).before(Reply(who_reads_text(scene)))


def who_reads_text(scene: Scene) -> str:
    """The same with or without a form open."""
    say = scene.say
    if scene.draft is None:
        return say("out.who_reads")
    place = scene.municipality.names[scene.language] if scene.municipality else say("form.your_municipality")
    parts = [say("form.who_reads", municipality=place)]
    if scene.turn.channel == "telegram":
        parts.append(say("form.who_reads_telegram"))
    return "\n\n".join(parts)


def questions_left(scene: Scene, detail: str) -> Outcome:
    """How many questions have no answer yet, as far as the answers so far can tell."""
    journey = journey_of(scene)
    left = journey.total - journey.answered
    if left == 0:
        text = scene.say("form.left_none")
    elif left == 1:
        text = scene.say("form.left_one")
    else:
        text = scene.say("form.left", left=left, total=journey.total)
    return ask(scene).before(Reply(text))


def save(scene: Scene, detail: str) -> Outcome:
    """That the answers are kept: for how long, how to come back on this channel, how to delete them."""
    assert scene.draft is not None and scene.form is not None
    say, token = scene.say, scene.draft.token
    form, scene = scene.form, scene.with_draft(replace(scene.draft, updated_at=scene.turn.received_at))
    question = open_question(scene)
    channel = scene.turn.channel if scene.say.has(f"form.save.{scene.turn.channel}") else "web"
    parts = [
        say("form.save.saved", form=in_language(form.title, scene.language)),
        say(f"form.save.{channel}"),
        *kept_until(scene),
        say("form.save.delete"),
        say("form.save.summary")
        if question is None
        else say("form.save.next", question=in_language(question.text, scene.language)),
    ]
    buttons = (
        choices.action(token, "resume", say("form.continue")),
        choices.action(token, "cancel", say("my_data.delete_draft")),
    )
    scene = scene.remember(offered=buttons)
    account = Account("control", form_id=form.id, command="save")
    return outcome(scene, Reply("\n\n".join(parts), buttons), account=account)


def kept_until(scene: Scene) -> list[str]:
    """For how long the open form is kept, by the municipality's rules; nothing where they are not known."""
    kept = scene.tools.kept(scene.draft, scene.turn.received_at)
    if "drafts" not in kept:
        return []
    until: date | None = kept["drafts"]
    if until is None:
        return [scene.say("form.save.no_end")]
    return [scene.say("form.save.days", days=(until - scene.today).days, date=until.isoformat())]
