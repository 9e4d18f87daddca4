"""Opening a form: where it may be filled in, for which municipality, what is known already, how answers are handled."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC

from bot import choices, menus, transfers
from bot.baton import asking as baton_asking
from bot.form.asking import ask, resume
from bot.scene import Outcome, Scene
from bot.turn import Account, Reply
from forms.answer_types import read_choice, show
from forms.conditions import Value
from forms.form import Form, in_language
from forms.loader import form_to_snapshot
from storage.conversations import Draft, make_draft_token
from storage.form_snapshots import Snapshot


def start(scene: Scene, form_id: str, prefilled: str = "") -> Outcome:
    """Open a form, or say where it can be filled in, or ask first what must be known (municipality, another draft)."""
    say, tools = scene.say, scene.tools
    form = tools.forms[form_id]
    account = Account("form", form_id=form_id, prefilled=_prefill(form, prefilled))
    if form_id not in menus.forms_here(scene):
        if carried := transfers.elsewhere(scene, form, _prefill(form, prefilled)):
            return carried
        text = (
            say("form.elsewhere", form=in_language(form.title, scene.language), address=tools.web_address)
            if tools.web_address
            else say("form.elsewhere_unknown", form=in_language(form.title, scene.language))
        )
        return menus.offer(scene, text, (choices.command("human", say("menu.human")),), account)
    if scene.draft and scene.form:
        if scene.draft.form_id == form_id:
            return resume(scene, account)
        title, other = (in_language(one.title, scene.language) for one in (scene.form, form))
        kept = baton_asking.leaving(scene, "baton.other_open", other=other)
        buttons = (
            choices.action(scene.draft.token, "resume", say("form.continue")),
            choices.action(scene.draft.token, "replace", say("baton.replace" if kept else "form.replace"), form_id),
        )
        return menus.offer(scene, kept or say("form.other_open", form=title, other=other), buttons, account)
    if scene.municipality is None:
        pending = f"form:{form_id}:{prefilled}" if prefilled else f"form:{form_id}"
        asking = scene.remember(pending=pending)
        return menus.offer(asking, say("municipality.ask"), menus.municipality_choices(scene), account)
    if scene.municipality.id == "annan":
        names = ", ".join(place.names[scene.language] for place in tools.library.municipalities if place.id != "annan")
        text = say("municipality.form_other", names=names)
        change = choices.command("municipality", say("menu.change_municipality"))
        return menus.offer(scene.remember(pending=None), text, (change,), account)
    if not can_begin(scene, form):
        return _not_there(scene, form, account)
    return _begin(scene, form, prefilled, account)


def can_begin(scene: Scene, form: Form) -> bool:
    """Whether the resident's municipality takes the form, and this channel too."""
    here = form.id in menus.forms_here(scene)
    return here and scene.municipality is not None and form.id in scene.municipality.forms


def _not_there(scene: Scene, form: Form, account: Account) -> Outcome:
    """The municipality does not take this form: say so, and how to ask there."""
    say = scene.say
    title = in_language(form.title, scene.language)
    text = say(
        "form.not_there",
        form=title,
        municipality=scene.municipality.names[scene.language] if scene.municipality else "",
    )
    buttons = (
        choices.form("kontakta_mig", say("menu.start_kontakta_mig")),
        choices.command("human", say("menu.human")),
    )
    return menus.offer(scene.remember(pending=None), text, buttons, account)


def move(scene: Scene, municipality: str) -> Outcome:
    """Let the open form go to another municipality, where that one takes it."""
    assert scene.form is not None
    moved = scene.remember(municipality=municipality)
    if municipality == "annan" or scene.form.id not in menus.forms_of_municipality(moved):
        name = scene.tools.library.municipality(municipality).names[scene.language]
        said = scene.say("form.not_there", form=in_language(scene.form.title, scene.language), municipality=name)
        return ask(scene).before(Reply(said))
    said = scene.say(
        "form.goes_to", municipality=moved.municipality.names[scene.language] if moved.municipality else ""
    )
    return ask(moved).before(Reply(said))


def _begin(scene: Scene, form: Form, prefilled: str, account: Account) -> Outcome:
    say, language = scene.say, scene.language
    answers = _prefill(form, prefilled)
    given = {slot: {"by": "resident", "at": scene.turn.received_at.astimezone(UTC).isoformat()} for slot in answers}
    parts = [
        in_language(form.title, language),
        in_language(form.purpose, language),
        in_language(form.information, language),
        say("form.saved_web" if scene.turn.channel == "web" else "form.saved"),
    ]
    if answers:
        shown = (
            show(question, answers[question.slot], language) for question in form.questions if question.slot in answers
        )
        parts.append(say("form.prefilled", answers=", ".join(shown)))
    return begin(scene, form, answers, given, (Reply("\n\n".join(parts)),), account)


def begin(
    scene: Scene,
    form: Form,
    answers: Mapping[str, Value],
    given: Mapping[str, Mapping[str, str]],
    said: tuple[Reply, ...],
    account: Account,
) -> Outcome:
    """A new draft with the answers that are known, and its first question after what is `said`. The draft keeps the
    form as it is now.
    """
    now = scene.turn.received_at
    snapshot = Snapshot(form_to_snapshot(form))
    draft = Draft(make_draft_token(), form.id, form.version, answers, None, now, now, snapshot, given)
    about = form.id.removeprefix("ansokan_")
    known = about if about in scene.tools.library.vocabulary.services else scene.state.service
    opened = scene.with_draft(draft).remember(pending=None, selecting=None, service=known)
    return replace(ask(opened).before(*said), account=account)


def _prefill(form: Form, prefilled: str) -> dict[str, Value]:
    """{"slot": value} from "slot=value"; empty unless that option stands for a service and does not end the form."""
    slot, _, value = prefilled.partition("=")
    question = form.question(slot)
    option = question.option(value) if question else None
    return {slot: read_choice(question, value)} if question and option and option.services and not option.stops else {}


def prefill_for(form: Form, services: tuple[str, ...]) -> str:
    """What a form can know already from the services a resident named: "slot=value", or nothing."""
    for question in form.questions:
        for option in question.options:
            if len(services) == 1 and services[0] in option.services:
                return f"{question.slot}={option.value}"
    return ""
