"""What a resident can ask the bot to do, in any state: help, a person, another language or municipality, status …

Commands about an open form (back, cancel, skip) are in `form.filling`, which gets them first while a draft is open.
"""

from collections.abc import Callable
from dataclasses import replace

from bot import care, choices, feedback, menus
from bot.baton import asking as baton_asking
from bot.form import interruptions as form_interruptions
from bot.form import sibling as form_sibling
from bot.scene import Outcome, Scene
from bot.sent import completing, mine, status, withdrawing
from bot.turn import Account
from forms.form import in_language

INTENTS = {
    "help": "help",
    "cancel": "cancel",
    "go_back": "back",
    "ask_status": "status",
    "my_data": "my_data",
    "ask_human": "human",
    "thank": "thanks",
    "greet": "greeting",
    "goodbye": "goodbye",
    "change_language": "language",
    "about_bot": "about_bot",
    "restart": "restart",
    "resume": "resume",
    "simplify": "simplify",
    "not_helped": "not_helped",
    "feelings": "feelings",
    "fear_of_removal": "fear_of_removal",
    "parents_told": "parents_told",
    "protected_identity": "protected_identity",
}
"""NLU intent -> command."""


def run(scene: Scene, name: str, detail: str = "", confidence: float = 1.0) -> Outcome | None:
    """Do the command `name`; None when there is no such command."""
    handler = HANDLERS.get(name)
    if handler is None:
        return None
    done = handler(scene, detail)
    account = replace(done.account, command=name, confidence=confidence)
    return replace(done, account=account)


def _said(key: str) -> Callable[[Scene, str], Outcome]:
    def handler(scene: Scene, detail: str) -> Outcome:
        return menus.offer(scene, scene.say(key), menus.start_choices(scene))

    return handler


def _municipality(scene: Scene, detail: str) -> Outcome:
    asking = scene.remember(pending=scene.state.pending or "municipality")
    return menus.offer(asking, scene.say("municipality.ask"), menus.municipality_choices(scene))


def choose_municipality(scene: Scene, municipality_id: str) -> Outcome:
    """Remember the municipality; the caller goes on with what was asked before it."""
    scene = scene.remember(municipality=municipality_id)
    place = scene.municipality
    say = scene.say
    text = (
        say("municipality.other")
        if place is None or place.id == "annan"
        else say("municipality.set", municipality=place.names[scene.language])
    )
    return menus.offer(scene, text, menus.start_choices(scene), Account("control"))


def _language(scene: Scene, detail: str) -> Outcome:
    wordings = scene.tools.wordings
    if detail in wordings:
        scene = scene.remember(language=detail, language_chosen=True)
        return menus.offer(scene, scene.say("language.set"), menus.start_choices(scene))
    buttons = tuple(choices.command("language", word("language_name"), name) for name, word in wordings.items())
    text = scene.say("language.unavailable") if detail else scene.say("language.ask")
    return menus.offer(scene.remember(pending="language"), text, buttons)


def _who_reads(scene: Scene, detail: str) -> Outcome:
    return menus.offer(scene, form_interruptions.who_reads_text(scene), menus.start_choices(scene))


def _restart(scene: Scene, detail: str) -> Outcome:
    """Begin again. With a form open its answers go too (a guardian's stay behind the link), so then the button carries
    the form's token.
    """
    say = scene.say
    if scene.draft and scene.form:
        title = in_language(scene.form.title, scene.language)
        text = baton_asking.leaving(scene, "baton.restart_ask") or say("control.restart_draft", form=title)
        buttons = (
            choices.action(scene.draft.token, "restart", say("control.ja"), "yes"),
            choices.action(scene.draft.token, "resume", say("control.nej")),
        )
        return menus.offer(scene, text, buttons)
    if detail == "yes":
        return begin_again(scene)
    if detail == "no":
        return menus.offer(scene, say("menu.what_next"), menus.start_choices(scene))
    no = choices.command("restart", say("control.nej"), "no")
    return menus.offer(scene, say("control.restart_ask"), (choices.command("restart", say("control.ja"), "yes"), no))


def begin_again(scene: Scene) -> Outcome:
    """A conversation without form and context; language and municipality stay."""
    fresh = scene.with_draft(None).remember(topic=None, service=None, pending=None, selecting=None)
    return menus.offer(fresh, scene.say("control.restarted"), menus.start_choices(fresh))


HANDLERS: dict[str, Callable[[Scene, str], Outcome]] = {
    "help": _said("menu.help"),
    "cancel": lambda scene, detail: _said("control.nothing_to_cancel")(scene.remember(pending=None), detail),
    "back": _said("control.nothing_to_go_back"),
    "resume": _said("control.nothing_to_resume"),
    "thanks": _said("control.thanks"),
    "greeting": _said("control.greeting"),
    "goodbye": _said("control.goodbye"),
    "about_bot": _said("control.about_bot"),
    "human": lambda scene, detail: menus.human(scene),
    "municipality": _municipality,
    "language": _language,
    "status": status.asked,
    "my_data": mine.my_data,
    "complete": completing.complete,
    "withdraw": withdrawing.withdraw,
    "copy": form_sibling.copy,
    "who_reads": _who_reads,
    "questions_left": _said("control.nothing_to_resume"),
    "save": _said("control.nothing_to_resume"),
    "restart": _restart,
    "simplify": feedback.simplify,
    "helped": feedback.helped,
    "not_helped": feedback.not_helped,
    "feelings": care.feelings,
    "fear_of_removal": care.fear_of_removal,
    "parents_told": care.parents_told,
    "protected_identity": care.protected_identity,
}
