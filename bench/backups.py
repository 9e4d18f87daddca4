"""Times a backup, its rehearsal and putting it back, over 10,000 submissions, while fifty turns a second are written.

The commands are those of an operator, as processes of their own; the turns are written by another process, each with
its commit: conversation, draft, response, outbox, and every tenth also a submission. What was committed before a backup
began must be in it. Both databases. Run with `python -m bench.backups`.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from forms.loader import form_to_snapshot
from reliability.postgresql import server
from settings import ROOT
from storage import conversations, intake, submissions
from storage.conversations import Draft
from storage.database import Database, DatabaseUnavailableError, migrate
from storage.deliveries import Outgoing
from storage.encryption import load_keys, make_keys
from storage.intake import NewSubmission
from tests.filled_forms import FORMS, ROUTES, walk

SUBMISSIONS = 10_000
A_SECOND = 50
WRITERS = 5
WARMING_UP = 5.0
STORY = (
    "Han har blivit ensam sedan vi flyttade och har svårt att hitta kamrater. Han tycker om fotboll, att laga mat och"
    " att vara ute i skogen. Vi vill att han får någon att prata med, helst en kväll i veckan och någon helg. "
)


@dataclass(frozen=True)
class Taken:
    """Seconds of a command: by the clock, and of the processor, for a machine that is busy with other things."""

    waited: float
    worked: float


@dataclass(frozen=True)
class Place:
    """An installation: its `var`, and its database's address."""

    var: Path
    url: str

    def open(self) -> Database:
        """Its database."""
        return Database(self.url, load_keys(self.var / "keys"))

    def run(self, *arguments: str) -> Taken:
        """A command, which must do well."""
        (self.var / "kontakt.toml").touch()
        environment = {
            "PATH": os.environ["PATH"],
            "KONTAKT_CONFIG": str(self.var / "kontakt.toml"),
            "KONTAKT_VAR": str(self.var),
            "KONTAKT_DATABASE_URL": self.url,
        }
        began, worked = time.monotonic(), _worked()
        command = [sys.executable, str(ROOT / "kontakt.py"), *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.stdout}{done.stderr}")
        return Taken(time.monotonic() - began, _worked() - worked)


def main() -> None:
    """Print a table for each database."""
    if len(sys.argv) > 1:
        _write_until_told(Place(Path(sys.argv[1]), sys.argv[2]))
        return
    with tempfile.TemporaryDirectory(prefix="kontakt-backups-") as name, server() as postgresql:
        for kind in ("sqlite", "postgresql"):
            var = Path(name) / kind
            make_keys(var / "keys")
            urls = [
                f"sqlite:///{var / file}" if kind == "sqlite" else postgresql.new_url()
                for file in ("kontakt.db", "other.db")
            ]
            _measure(kind, Place(var, urls[0]), Place(var, urls[1]))


def _measure(kind: str, place: Place, other: Place) -> None:
    migrate(place.url)
    _fill(place)
    place.run("migrate")
    file = place.var / "kontakt.backup"
    with _writing(place) as written:
        while not written:
            time.sleep(0.1)
        time.sleep(WARMING_UP)
        began = time.time()
        took = {"kontakt backup": place.run("backup", str(file))}
        backed_up = time.time()
        took["kontakt restore --check"] = place.run("restore", str(file), "--check")
        took["kontakt migrate, into a new database"] = other.run("migrate")
        took["kontakt restore --into"] = other.run("restore", str(file), "--into", other.url)
        took["kontakt audit verify, of what was put back"] = other.run("audit", "verify")
        ended = time.time()
    during = [line for line in written if began <= line["at"] <= ended]
    refused = sum(line["version"] is None for line in during)
    waits = sorted(line["took"] for line in written if began <= line["at"] <= backed_up) or [0.0]
    print(f"\n{kind}: {file.stat().st_size / 1e6:.0f} MB, {len(during) / (ended - began):.0f} turns a second meanwhile")
    for name, taken in took.items():
        print(f"  {name:46} {taken.waited:7.1f} s {taken.worked:7.1f} s of the processor")
    median, slowest = waits[len(waits) // 2], waits[-1]
    print(f"  a turn during the backup: median {median:.0f} ms, slowest {slowest:.0f} ms; refused {refused}")
    before = [line for line in written if line["at"] < began and line["version"]]
    print(f"  lost of what was committed before: {_lost(other, before)}")
    print(f"  most memory of a command: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")


def _worked() -> float:
    """Seconds of the processor that commands have taken so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fill(place: Place) -> None:
    """Submissions as residents fill in the forms, each with a change of status and a note by staff."""
    database = place.open()
    for first in range(0, SUBMISSIONS, 200):
        made = [_submission(number) for number in range(first, first + 200)]
        with database.transaction() as session:
            for new in made:
                intake.insert(session, new, actor="resident", at=datetime.now(UTC))
        for new in made:
            at = datetime.now(UTC)
            submissions.change_status(database, new.reference, "in_review", actor="karin", version=1, at=at)
            submissions.add_note(database, new.reference, STORY, actor="karin", at=at)
    database.close()


def _submission(number: int) -> NewSubmission:
    choose = random.Random(number)
    form_id = choose.choice(sorted(ROUTES))
    form, route = FORMS[form_id], choose.choice(sorted(ROUTES[form_id]))
    answers = walk(form, choose, ROUTES[form_id][route][0])
    long = {question.slot for question in form.questions if question.type == "long_text"}
    answers |= {slot: STORY * 3 for slot in long & answers.keys() if answers[slot]}
    return NewSubmission(
        intake.make_reference(), f"draft{number}x{choose.random()}", form_id, form.version, form_to_snapshot(form),
        json.loads(json.dumps(answers, default=str)), (), "sala", "web", "sv", names=(f"Alva Fiktiv{number}",),
    )  # fmt: skip


# -- the turns meanwhile -------------------------------------------------------------------------------------------


@contextmanager
def _writing(place: Place) -> Iterator[list[dict[str, Any]]]:
    """Turns are written until the block ends; filled then: when each was committed, what it was, its milliseconds."""
    written: list[dict[str, Any]] = []
    command = [sys.executable, "-m", "bench.backups", str(place.var), place.url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        lines = threading.Thread(target=_read, args=(writer.stdout, written))
        lines.start()
        try:
            yield written
        finally:
            assert writer.stdin
            writer.stdin.close()
            lines.join()
    if writer.returncode:
        raise RuntimeError("the writer did not end well")


def _read(lines: IO[str] | None, written: list[dict[str, Any]]) -> None:
    for line in lines or ():
        written.append(json.loads(line))


def _write_until_told(place: Place) -> None:
    database, stop, said = place.open(), threading.Event(), threading.Lock()

    def write(writer: int) -> None:
        next_at, number = time.monotonic() + writer / A_SECOND, 0
        while not stop.wait(max(0.0, next_at - time.monotonic())):
            next_at += WRITERS / A_SECOND
            number += 1
            sender = f"writer {writer} resident {number % 40}"
            new = _submission(SUBMISSIONS + 1000 * number + writer) if number % 10 == 0 else None
            began = time.monotonic()
            try:
                version = _turn(database, sender, new)
            except DatabaseUnavailableError:  # the resident is told so, and nothing is promised
                version = None
            line = {"at": time.time(), "took": (time.monotonic() - began) * 1000, "sender": sender, "version": version}
            with said:
                print(json.dumps(line | {"reference": new.reference if new else None}), flush=True)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    database.close()


def _turn(database: Database, sender: str, new: NewSubmission | None) -> int:
    """One turn with its commit; the conversation's version after it."""
    before, at = conversations.find(database, "web", sender), datetime.now(UTC)
    answers = {**(before.draft.answers if before.draft else {}), f"fraga_{before.version % 20}": STORY}
    token = before.draft.token if before.draft else conversations.make_draft_token()
    draft = Draft(token, "kontakta_mig", 1, answers, "namn", at, at)
    said = f"{sender} {before.version + 1}"
    after = replace(before, state={"said": said}, draft=None if new else draft)
    conversations.save(
        database, before, after, message_id=said, response={"text": STORY}, at=at, submission=new,
        outbox=[Outgoing(sender, {"text": "Tack."})],
    )  # fmt: skip
    return before.version + 1


def _lost(place: Place, before: list[dict[str, Any]]) -> str:
    """How many turns and submissions of before are not in what was put back."""
    database = place.open()
    try:
        stored = {line.reference for line in submissions.listing(database, limit=10**6)}
        sent = {str(line["reference"]) for line in before if line["reference"]}
        versions = {sender: conversations.find(database, "web", sender).version for sender in
                    {str(line["sender"]) for line in before}}  # fmt: skip
        turns = sum(versions[str(line["sender"])] < line["version"] for line in before)
        missing = len(sent - stored) + max(0, SUBMISSIONS + len(sent) - len(stored))
        return f"{turns} of {len(before)} turns, {missing} of {SUBMISSIONS + len(sent)} submissions"
    finally:
        database.close()


if __name__ == "__main__":
    main()
