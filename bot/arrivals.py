"""What a link has brought to the web chat: a baton that was opened with its code, or a form from another channel."""

from dataclasses import replace

from bot import menus
from bot.baton.reading import open_baton
from bot.form.asking import resume
from bot.form.opening import start
from bot.scene import Outcome, Scene
from storage.batons import OpenedLink
from storage.conversations import Draft


def arrived(scene: Scene) -> Outcome:
    """Go on with it. The turn must carry something."""
    carried = scene.turn.carried
    if isinstance(carried, OpenedLink):
        return open_baton(scene, carried)
    assert carried is not None
    done = _carried(scene, carried.draft)
    return replace(done, effects=(*done.effects, carried))


def _carried(scene: Scene, carried: Draft) -> Outcome:
    """The form at the question where it was."""
    scene = scene.remember(greeted=True, language=scene.state.language or scene.turn.language)
    if not carried.given:  # nothing was answered there: it begins here
        known = ((slot, value[0] if isinstance(value, list) else value) for slot, value in carried.answers.items())
        prefilled = next((f"{slot}={value}" for slot, value in known), "")
        return start(scene, carried.form_id, prefilled)
    scene = scene.with_draft(carried).remember(pending=None, selecting=None)
    if scene.municipality is not None:
        return resume(scene)
    asking = scene.remember(pending=f"form:{carried.form_id}")
    return menus.offer(asking, scene.say("municipality.ask"), menus.municipality_choices(scene))
