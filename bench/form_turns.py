"""Times what somebody waits for who fills in a form: every question of every form, answered by a tap or a valid text.

Each turn is a whole one, through `Dialogue.respond` with its commit on SQLite, in this process. No text here needs the
NLU process: those that do are timed in `bench`. The processor's own time stands beside, for a machine that is busy with
other things. Run with `python -m bench.form_turns`.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

from bot.dialogue import Dialogue
from bot.keeping import kept_until
from bot.scene import Tools
from bot.turn import Response, Turn
from bot.wording import load_wordings
from brochures.lookup import load_library
from forms.loader import load_forms
from nlu.client import NluUnavailableError, Understanding
from settings import ROOT
from storage import additions, retention, status_codes, submissions
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys

ROUNDS = 12
"""Walks through each form."""
TYPED: Mapping[str, str] = {
    "text": "Alva Fiktiv",
    "long_text": "Hon tycker om att bada och rita och vill ha någon att prata med.",
    "date": "3 april 2027",
    "birth_date": "3 april 2015",
    "age": "11",
    "phone": "070-174 06 05",
    "email": "alva.fiktiv@example.com",
    "personnummer": "20140403-9800",
    "postcode": "685 30",
    "school_year": "femman",
}
"""Answer type -> a valid answer."""
NUMBERS = count(1)


@dataclass(frozen=True)
class Taken:
    """Milliseconds of one turn: by the clock, and of the processor."""

    waited: float
    worked: float


def main() -> None:
    """Print the median, the 95th percentile and the slowest turn, in milliseconds."""
    with tempfile.TemporaryDirectory() as directory:
        database = _database(Path(directory))
        try:
            times = _measured(_dialogue(database))
        finally:
            database.close()
    print(f"{'':14} {'turns':>6} {'median':>9} {'95 %':>9} {'slowest':>9}   {'processor':>9} {'95 %':>9}   ms")
    for name, taken in times.items():
        waited, worked = [one.waited for one in taken], [one.worked for one in taken]
        figures = (statistics.median(waited), _high(waited), max(waited), statistics.median(worked), _high(worked))
        print(f"{name:14} {len(taken):6} {{:9.2f}} {{:9.2f}} {{:9.2f}}   {{:9.2f}} {{:9.2f}}".format(*figures))


def _high(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[18]


def _database(directory: Path) -> Database:
    make_keys(directory / "keys")
    url = f"sqlite:///{directory / 'kontakt.db'}"
    migrate(url)
    return Database(url, load_keys(directory / "keys"))


def _dialogue(database: Database) -> Dialogue:
    library = load_library()
    forms = load_forms(ROOT / "forms" / "definitions")
    everywhere = {place.id: replace(place, forms=tuple(forms)) for place in library.municipalities}
    tools = Tools(
        library=replace(library, municipalities_by_id=everywhere),
        forms=forms,
        wordings=load_wordings(),
        understand=_away,
        status_of=partial(status_codes.status_of, database),
        receipt_for=partial(submissions.reference_for_draft, database),
        own_status=partial(submissions.status_of, database),
        requests_of=partial(additions.open_requests_of, database),
        kept=partial(kept_until, retention.load_policy()),
    )
    return Dialogue(tools, database)


def _away(text: str) -> Understanding:
    raise NluUnavailableError("not started")


def _measured(dialogue: Dialogue) -> dict[str, list[Taken]]:
    """What each turn took, by what it was."""
    times: dict[str, list[Taken]] = {"a choice": [], "a text": [], "sending in": []}
    for number in range(-1, ROUNDS):
        for form_id in dialogue.tools.forms:
            for kind, taken in _walk(partial(_turn, dialogue, f"{form_id} {number}"), form_id, number):
                if number >= 0:  # the first walks fill caches
                    times[kind].append(taken)
    return times | {"all": [taken for kind in times.values() for taken in kind]}


def _turn(
    dialogue: Dialogue, sender: str, text: str | None = None, choice: str | None = None
) -> tuple[Response, Taken]:
    turn = Turn("web", sender, f"m{next(NUMBERS)}", text=text, choice=choice, municipality="sala")
    began, worked = time.perf_counter(), time.thread_time()
    response = dialogue.respond(turn)
    taken = Taken((time.perf_counter() - began) * 1000, (time.thread_time() - worked) * 1000)
    return response, taken


def _walk(turn: Callable[..., tuple[Response, Taken]], form_id: str, number: int) -> Iterator[tuple[str, Taken]]:
    """Fill in one form; which options are chosen goes by `number`."""
    response, _ = turn(choice=f"f:{form_id}")
    while response.draft is not None and response.draft.slot is not None:
        shown = response.replies[-1]
        options = [c.id for c in shown.choices if c.id.startswith("a:") and not c.id.endswith((":ja", ":oro", ":*"))]
        if not options:
            response, taken = turn(text=TYPED[shown.expects or "text"])
            yield "a text", taken
            continue
        chosen = options[max(number, 0) % len(options)]
        response, taken = turn(choice=chosen)
        yield "a choice", taken
        if ":+" in chosen:
            response, taken = turn(choice=f"{chosen.partition(':+')[0]}:*")
            yield "a choice", taken
    if response.draft is not None:
        sent = next(c.id for c in response.replies[-1].choices if c.id.split(":")[2:3] == ["submit"])
        response, taken = turn(choice=sent)
        yield "sending in", taken


if __name__ == "__main__":
    main()
