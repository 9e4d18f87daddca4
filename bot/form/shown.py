"""What a summary showed, in short: it stands behind the summary's button, so that the button sends that and no more."""

import hashlib
import json

from bot.scene import Scene
from forms.journey import Journey

_LENGTH = 8


def mark(scene: Scene, journey: Journey) -> str:
    """The same for the same answers of the open form and the same municipality; else, but by chance, another."""
    assert scene.draft is not None
    shown = [scene.draft.token, scene.municipality.id if scene.municipality else None, journey.relevant_answers]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:_LENGTH]
