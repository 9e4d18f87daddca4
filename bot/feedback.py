"""What a resident says of an answer: easier words please, it helped, that was not what I asked.

When an answer did not help, the way to a person comes at once, and the question is kept for those who write the
answers – without the person in it.
"""

from dataclasses import replace

from bot import answering, choices, menus
from bot.scene import Outcome, Scene
from bot.turn import Account
from storage.missed_questions import MissedQuestion

NO = "no"
NOT_HELPED = "not_helped"


def simplify(scene: Scene, detail: str) -> Outcome:
    """The answers given last in easy words, with the same sources; the way to a person where there are none."""
    found = [answering.find(scene, topic, service) for topic, service in scene.state.given]
    answers = [answer for answer in found if answer]
    if not answers:
        return menus.offer(scene, scene.say("easy.nothing"), menus.start_choices(scene))
    easier = [answer for answer in answers if answer.easy]
    if not easier:
        buttons = (choices.command("human", scene.say("menu.human")), *answering.callback(scene))
        return menus.offer(scene, scene.say("easy.none"), buttons)
    done = answering.give(scene, [replace(answer, text=answer.easy or answer.text, easy=None) for answer in answers])
    return replace(done, state=replace(done.state, question=scene.state.question))


def helped(scene: Scene, detail: str) -> Outcome:
    """Thanks; or, when it did not help, what else there is."""
    if detail != NO:
        return menus.offer(scene, scene.say("feedback.thanks"), menus.start_choices(scene))
    say, given = scene.say, scene.state.given
    service = given[-1][1] if given else ""
    near = [pair for pair in _of_service(scene, service) if pair not in given][: menus.MAX_TOPICS]
    buttons = (
        *answering.callback(scene),
        choices.command("human", say("menu.human")),
        *(menus.question_choice(scene, topic, name) for topic, name in near),
    )
    text = say("feedback.sorry") if given else say("feedback.what_then")
    done = menus.offer(scene, text, buttons, Account("control"))
    if scene.state.question is None:
        return done
    done = replace(done, missed=missed(done, scene, NOT_HELPED))
    return replace(done, state=replace(done.state, question=None))


def not_helped(scene: Scene, detail: str) -> Outcome:
    """Said in words: that was not what I asked."""
    return helped(scene, NO)


def missed(done: Outcome, scene: Scene, reason: str) -> MissedQuestion | None:
    """The question to keep for staff, or None where nothing harmless is left of it."""
    if done.state.question is None:
        return None
    topics = scene.state.given if reason == NOT_HELPED else ()
    return MissedQuestion(done.state.question, scene.language, scene.state.municipality, reason, topics)


def _of_service(scene: Scene, service: str) -> list[tuple[str, str]]:
    return [(topic, service) for topic in scene.tools.library.topics_for(service)]
