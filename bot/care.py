"""What people carry with them when they write: tiredness, fear for their children, of their parents, for their address.

No danger and no question to the brochures, so no list of topics first either: a kind word, what is true, a person to
talk to. Nothing is promised for the municipality.
"""

from bot import answering, choices, menus
from bot.safety import contact_lines, help_lines
from bot.scene import Outcome, Scene
from bot.turn import Choice

WANTED = {
    "feelings": (("what_is", "allmant"), ("who_gets", "allmant")),
    "fear_of_removal": (("consent", "allmant"), ("what_is", "kontaktfamilj")),
    "parents_told": (("consent", "kontaktperson"), ("who_may_apply", "kontaktperson")),
}
"""What somebody who says this may want to read next."""
WITH_LINES = frozenset({"feelings", "parents_told"})
"""Where a listening line for children is named as well."""
LISTENING = "bris"


def feelings(scene: Scene, detail: str) -> Outcome:
    """Somebody is tired, lonely, ashamed or worried."""
    return _kind_word(scene, "feelings")


def fear_of_removal(scene: Scene, detail: str) -> Outcome:
    """Somebody is afraid that asking for help costs them their children."""
    return _kind_word(scene, "fear_of_removal")


def parents_told(scene: Scene, detail: str) -> Outcome:
    """A young person wonders who gets to know."""
    return _kind_word(scene, "parents_told")


def protected_identity(scene: Scene, detail: str) -> Outcome:
    """Somebody lives under a protected identity: nothing of it is to be written here, the telephone is the way."""
    say = scene.say
    text = "\n\n".join((say("care.protected_identity"), "\n".join(contact_lines(scene, urgent=True))))
    return menus.offer(scene, text.strip(), (choices.command("human", say("menu.human")),))


def _kind_word(scene: Scene, name: str) -> Outcome:
    say, library = scene.say, scene.tools.library
    parts = [say(f"care.{name}")]
    if name in WITH_LINES:
        parts += help_lines(scene, (LISTENING,))
    questions: tuple[Choice, ...] = tuple(
        menus.question_choice(scene, topic, service)
        for topic, service in WANTED[name]
        if service in library.services_for(topic)
    )
    buttons = (choices.command("human", say("menu.human")), *answering.callback(scene), *questions)
    return menus.offer(scene, "\n\n".join(parts), buttons)
