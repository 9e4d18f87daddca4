"""A turn while the database is away: brochure questions are answered, forms rest, and both are said.

Nothing is known of the conversation then, and nothing of the turn is kept.
"""

from collections.abc import Callable
from dataclasses import replace

from bot.form.asking import response_of
from bot.safety import contact_lines
from bot.scene import Outcome, Scene, State, Tools
from bot.turn import Account, Reply, Response, Turn
from storage.database import DatabaseUnavailableError

ANSWERED = frozenset({"answer", "clarify", "crisis"})
"""What can be said without a memory. The first danger, then the note."""


def respond(turn: Turn, tools: Tools, decide: Callable[[Scene], Outcome]) -> Response:
    """What can be answered without the database, and that nothing can be saved just now. Raises nothing of storage."""
    municipality = turn.municipality or turn.place or tools.default_municipality
    state = State(language=turn.language, municipality=municipality, greeted=True)
    scene = Scene(turn, state, None, tools)
    try:
        done = decide(scene)
    except DatabaseUnavailableError:
        done = None
    if done is None or done.draft is not None or done.account.kind not in ANSWERED or turn.start:
        return response_of(tools, turn, Outcome((_note(scene),), state, None, Account("control")))
    note = _note(Scene(turn, done.state, None, tools))
    replies = (*done.replies, note) if done.account.kind == "crisis" else (note, *done.replies)
    return response_of(tools, turn, replace(done, replies=replies, draft=None))


def _note(scene: Scene) -> Reply:
    lines = contact_lines(scene) or [scene.say("human.other")]
    return Reply("\n".join((scene.say("out.database_away"), *lines)))
