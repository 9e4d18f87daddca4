"""Opening a form: where it may be filled in, for which municipality, what is known already, how answers are handled."""

from dataclasses import replace

from bot import choices, menus
from bot.form_asking import ask, resume
from bot.scene import Outcome, Scene
from bot.turn import Account, Reply
from forms.answer_types import show
from forms.conditions import Value
from forms.form import Form, in_language
from storage.conversations import Draft, make_draft_token


def start(scene: Scene, form_id: str, prefilled: str = "") -> Outcome:
    """Open a form, or say where it can be filled in, or ask first what must be known (municipality, another draft)."""
    say, tools = scene.say, scene.tools
    form = tools.forms[form_id]
    account = Account("form", form_id=form_id, prefilled=_prefill(form, prefilled))
    if form_id not in menus.forms_here(scene):
        text = (
            say("form.elsewhere", form=in_language(form.title, scene.language), address=tools.web_address)
            if tools.web_address
            else say("form.elsewhere_unknown", form=in_language(form.title, scene.language))
        )
        return menus.offer(scene, text, (choices.command("human", say("menu.human")),), account)
    if scene.draft and scene.form:
        if scene.draft.form_id == form_id:
            return resume(scene, account)
        buttons = (
            choices.action(scene.draft.token, "resume", say("form.continue")),
            choices.action(scene.draft.token, "replace", say("form.replace"), form_id),
        )
        text = say(
            "form.other_open",
            form=in_language(scene.form.title, scene.language),
            other=in_language(form.title, scene.language),
        )
        return menus.offer(scene, text, buttons, account)
    if scene.municipality is None:
        pending = f"form:{form_id}:{prefilled}" if prefilled else f"form:{form_id}"
        asking = scene.remember(pending=pending)
        return menus.offer(asking, say("municipality.ask"), menus.municipality_choices(scene), account)
    if scene.municipality.id == "annan":
        names = ", ".join(place.names[scene.language] for place in tools.library.municipalities if place.id != "annan")
        text = say("municipality.form_other", names=names)
        change = choices.command("municipality", say("menu.change_municipality"))
        return menus.offer(scene.remember(pending=None), text, (change,), account)
    if form_id not in scene.municipality.forms:
        return _not_there(scene, form, account)
    return _begin(scene, form, prefilled, account)


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
    say, language, now = scene.say, scene.language, scene.turn.received_at
    answers = _prefill(form, prefilled)
    draft = Draft(make_draft_token(), form.id, form.version, answers, None, now, now)
    about = form.id.removeprefix("ansokan_")
    known = about if about in scene.tools.library.vocabulary.services else scene.state.service
    scene = scene.with_draft(draft).remember(pending=None, selecting=None, service=known)
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
    return replace(ask(scene).before(Reply("\n\n".join(parts))), account=account)


def _prefill(form: Form, prefilled: str) -> dict[str, Value]:
    """{"slot": value} from "slot=value"; empty unless that option stands for a service and does not end the form."""
    slot, _, value = prefilled.partition("=")
    question = form.question(slot)
    option = question.option(value) if question else None
    return {slot: value} if option and option.services and not option.stops else {}


def prefill_for(form: Form, services: tuple[str, ...]) -> str:
    """What a form can know already from the services a resident named: "slot=value", or nothing."""
    for question in form.questions:
        for option in question.options:
            if len(services) == 1 and services[0] in option.services:
                return f"{question.slot}={option.value}"
    return ""
