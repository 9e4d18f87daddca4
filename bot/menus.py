"""The buttons and short texts that lead somewhere: welcome, help, services, municipalities, a person."""

from dataclasses import replace

from bot import choices
from bot.safety import contact_lines
from bot.scene import Outcome, Scene, outcome
from bot.turn import Account, Choice, Reply
from brochures.brochure import GENERAL_SERVICE as GENERAL

APPLICATIONS = {"kontaktperson_vuxen": "ansokan_kontaktperson"}
"""The form for a service that shares another's; the others have their own."""
MAX_TOPICS = 6
"""Questions offered at once; the rest are behind "Fler frågor"."""


def forms_here(scene: Scene) -> tuple[str, ...]:
    """The forms that may be filled in on this channel."""
    allowed = scene.tools.forms_by_channel.get(scene.turn.channel)
    return tuple(form_id for form_id in scene.tools.forms if allowed is None or form_id in allowed)


def forms_of_municipality(scene: Scene) -> tuple[str, ...]:
    """The forms that the resident's municipality takes; all of them while it is not known which it is."""
    place = scene.municipality
    return tuple(scene.tools.forms) if place is None or place.id == "annan" else place.forms


def application_for(scene: Scene, service: str) -> str | None:
    """The form with which one applies for a service, if there is one."""
    form_id = APPLICATIONS.get(service, f"ansokan_{service}")
    return form_id if form_id in scene.tools.forms else None


def start_choices(scene: Scene) -> tuple[Choice, ...]:
    """What a resident can do first: each service, each form, a person, the other settings."""
    say = scene.say
    services = service_choices(scene)
    forms = tuple(choices.form(form_id, say(f"menu.start_{form_id}")) for form_id in forms_of_municipality(scene))
    other = "en" if scene.language == "sv" else "sv"
    return (
        *services,
        *forms,
        choices.command("human", say("menu.human")),
        choices.command("municipality", say("menu.change_municipality")),
        choices.command("language", say("menu.language"), other),
    )


def other_forms(scene: Scene, form_ids: tuple[str, ...]) -> tuple[Choice, ...]:
    """A button for each of the forms that the resident's municipality takes."""
    taken = forms_of_municipality(scene)
    return tuple(choices.form(form_id, scene.say(f"menu.start_{form_id}")) for form_id in form_ids if form_id in taken)


def service_choices(scene: Scene, among: tuple[str, ...] | None = None) -> tuple[Choice, ...]:
    """A button for each service (or those in `among`)."""
    library = scene.tools.library
    return tuple(
        choices.service(service, library.service_label(service, scene.language))
        for service in among or library.vocabulary.services
        if service != GENERAL
    )


def topic_choices(scene: Scene, service: str) -> tuple[Choice, ...]:
    """Buttons for what can be asked about a service."""
    return tuple(question_choice(scene, topic, service) for topic in scene.tools.library.topics_for(service))


def question_choice(scene: Scene, topic: str, service: str) -> Choice:
    """A button for one brochure question."""
    return choices.topic(topic, service, scene.tools.library.question_label(topic, service, scene.language))


def municipality_choices(scene: Scene) -> tuple[Choice, ...]:
    """A button for each municipality, "annan kommun" last."""
    return tuple(
        choices.municipality(place.id, place.names[scene.language]) for place in scene.tools.library.municipalities
    )


def welcome(scene: Scene) -> Outcome:
    """The first message: that this is a machine, how to reach a person, what can be asked."""
    say = scene.say
    parts = [say("control.greeting") if scene.state.greeted else _what_this_is(scene)]
    if scene.municipality and scene.municipality.id != "annan":
        parts.append(say("welcome.municipality", municipality=scene.municipality.names[scene.language]))
    parts.append(say("welcome.ask"))
    scene = scene.remember(greeted=True)
    return offer(scene, "\n\n".join(parts), start_choices(scene), Account("control", command="greeting"))


def introduced(scene: Scene, done: Outcome) -> Outcome:
    """What this is, before the first reply to somebody who did not begin with the welcome; danger is answered first."""
    said = Reply(_what_this_is(scene))
    first = replace(done, replies=(*done.replies, said)) if done.account.kind == "crisis" else done.before(said)
    return replace(first, state=replace(done.state, greeted=True))


def _what_this_is(scene: Scene) -> str:
    parts = [scene.say("welcome.hello")]
    if scene.turn.channel == "telegram":
        parts.append(scene.say("welcome.telegram"))
    return "\n\n".join(parts)


def offer(scene: Scene, text: str, buttons: tuple[Choice, ...], account: Account | None = None) -> Outcome:
    """One reply with buttons, remembered so that their labels may be typed."""
    return outcome(scene.remember(offered=buttons), Reply(text, buttons), account=account)


def service_in_sentence(scene: Scene, service: str) -> str:
    """What a service is called in the middle of a sentence: "kontaktperson för vuxna"."""
    label = scene.tools.library.service_label(service, scene.language)
    return label[:1].lower() + label[1:]


def service_menu(scene: Scene, service: str, everything: bool = False) -> Outcome:
    """The questions that can be asked about one service: the first of them, or the rest."""
    scene = scene.remember(service=service)
    text = scene.say("menu.service", service=service_in_sentence(scene, service))
    questions = topic_choices(scene, service)
    more = choices.service(service, scene.say("menu.more"), everything=True)
    first = questions if len(questions) <= MAX_TOPICS + 2 else (*questions[:MAX_TOPICS], more)
    return offer(scene, text, questions[MAX_TOPICS:] if everything else first, Account("clarify"))


def human(scene: Scene) -> Outcome:
    """How to reach a person: the municipality's own contacts, and being contacted."""
    say = scene.say
    parts = [say("human.intro"), "\n".join(contact_lines(scene)), say("human.urgent")]
    buttons: tuple[Choice, ...] = ()
    if "kontakta_mig" in forms_here(scene):
        parts.append(say("human.callback"))
        buttons = (choices.form("kontakta_mig", say("menu.start_kontakta_mig")),)
    if scene.municipality is None:
        buttons = (*buttons, choices.command("municipality", say("menu.change_municipality")))
    return offer(scene, "\n\n".join(parts), buttons, Account("control", command="human"))
