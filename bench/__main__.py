"""Times what residents wait for, all in one run, and shows each as a ratio to the first.

The baseline is a menu turn of a conversation that is not stored: the dialogue alone. Beside it: the same turn with its
commit on SQLite, a form answer with its commit, and a free text through the NLU process. Below it, that process alone.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from bench import understanding
from bot.dialogue import Dialogue, decide
from bot.scene import Scene, State, Tools
from bot.turn import Turn
from bot.wording import load_wordings
from brochures.lookup import load_library
from forms.loader import load_forms
from installation import DOMAIN, RASA
from nlu import training
from nlu.client import NluClient
from nlu.process import NluProcess
from settings import ROOT
from storage import status_codes, submissions
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys

ROUNDS = 300
NUMBERS = count(1)


def timed(action: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each round, after ten that are not counted."""
    for _ in range(10):
        action()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        times.append((time.perf_counter() - began) * 1000)
    return times


def row(name: str, times: list[float], base: float) -> str:
    """One line of the table: median, 95th percentile, ratio of the medians."""
    median = statistics.median(times)
    high = statistics.quantiles(times, n=20)[18]
    return f"{name:44} {median:8.2f} ms {high:8.2f} ms {median / base:8.1f}"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        model = training.train(RASA, DOMAIN, ROOT / "var" / "nlu", lambda line: None)
        process = NluProcess(RASA, model, place / "nlu.json")
        process.start()
        make_keys(place / "keys")
        migrate(f"sqlite:///{place / 'kontakt.db'}")
        database = Database(f"sqlite:///{place / 'kontakt.db'}", load_keys(place / "keys"))
        client = NluClient(place / "nlu.json", timeout=10)
        try:
            process.wait_until_ready(120)
            _measure(_tools(database, client), database, client)
        finally:
            client.close()
            database.close()
            process.stop()
        understanding.report(model, place)


def _tools(database: Database, client: NluClient) -> Tools:
    return Tools(
        library=load_library(),
        forms=load_forms(ROOT / "forms" / "definitions"),
        wordings=load_wordings(),
        understand=client.understand,
        status_of=partial(status_codes.status_of, database),
        receipt_for=partial(submissions.reference_for_draft, database),
    )


def _measure(tools: Tools, database: Database, client: NluClient) -> None:
    dialogue = Dialogue(tools, database)

    def turn(**message: str) -> Turn:
        return Turn("web", "bench", f"m{next(NUMBERS)}", municipality="sala", **message)

    opened = dialogue.respond(turn(choice="f:kontakta_mig"))
    answer = next(c.id for c in opened.replies[-1].choices if c.id.endswith(":nej"))
    questions = (f"hur ofta träffas man i en kontaktfamilj nummer {number}?" for number in count())
    menu = timed(lambda: decide(Scene(turn(choice="t:what_is:kontaktgrupp"), State(), None, tools)))
    base = statistics.median(menu)
    print(f"{'':44} {'median':>11} {'95 %':>11} {'ratio':>8}")
    print(row("a menu turn, nothing stored", menu, base))
    print(row("a menu turn with its commit", timed(lambda: dialogue.respond(turn(choice="c:help"))), base))
    print(row("a form answer with its commit", timed(lambda: dialogue.respond(turn(choice=answer))), base))
    print(row("understanding a text (NLU process)", timed(lambda: client.understand(next(questions))), base))


if __name__ == "__main__":
    main()
