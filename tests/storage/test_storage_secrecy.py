"""What people have typed is readable nowhere in the database: no column, no file beside it, no error."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from storage import (
    additions,
    batons,
    conversations,
    deliveries,
    retention_holds,
    reviewers,
    search,
    status_codes,
    submissions,
)
from storage.batons import NewLink
from storage.conversations import Conversation, Draft
from storage.database import Database, migrate
from storage.deliveries import Outgoing
from storage.encryption import Keyring
from storage.missed_questions import MissedQuestion
from storage.submissions import NewSubmission
from storage.tables import Base
from storage.transfers import NewTransfer
from tests.storage.families import act, application, new_baton

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

PLACES = [
    *("sender", "message", "state", "slot", "answer", "asking", "response", "payload", "recipient"),
    *("incoming", "note", "name", "flag", "address", "username", "submitted", "missed"),
    *("child", "number", "later", "case", "sought"),
    *("giver", "baton", "called", "why", "guardian", "corrected", "moved", "ticket", "asked", "added", "adder", "code"),
]
CANARIES = {place: f"Kanarie{place.capitalize()}Åäö{number}" for number, place in enumerate(PLACES, start=41)}
PERSONNUMMER = "201203019805"
SECRETS = {**CANARIES, "personnummer": PERSONNUMMER}


def type_everywhere(database: Database) -> None:
    """Every function that takes something from a person, with a canary in each place where a person's words go."""
    c = CANARIES
    draft = Draft("ABCDEFGHJK", "kontakta_mig", 1, {c["slot"]: c["answer"]}, c["asking"], NOON, NOON)
    deliveries.receive(database, "telegram", c["message"], {"text": c["incoming"]}, NOON, sender=c["sender"])
    deliveries.receive(database, "telegram", "2", {"text": c["incoming"]}, NOON, sender=c["sender"])
    before = Conversation("telegram", c["sender"])
    now = conversations.save(
        database,
        before,
        replace(before, state={c["state"]: c["state"]}, draft=draft),
        message_id=c["message"],
        response={"text": c["response"]},
        at=NOON,
        outbox=[Outgoing(c["recipient"], {"text": c["payload"]})],
    )
    new = NewSubmission(
        reference="AB2CDE3F",
        draft_token="BBBBBBBBBB",
        form_id="kontakta_mig",
        form_version=1,
        form_snapshot={"title": {"sv": "Hur vill du bli kontaktad?"}},
        answers={c["slot"]: c["submitted"]},
        flags=(c["flag"],),
        municipality="sala",
        channel="telegram",
        language="sv",
        code=c["code"],
        given={c["slot"]: {"by": c["giver"], "at": "x"}},
        names=(c["child"],),
        numbers=(c["number"], PERSONNUMMER),
    )
    missed = MissedQuestion(c["missed"], "sv", "sala", "no_answer", ((c["missed"], c["missed"]),))
    conversations.save(
        database, now, now, message_id="3", response={"text": c["response"]}, at=NOON, submission=new, missed=missed
    )
    submissions.add_note(database, "AB2CDE3F", c["note"], actor="anna", at=NOON)
    hand_over_and_add(database)
    submissions.open_submission(database, "AB2CDE3F", actor="anna", at=NOON)
    status_codes.status_of(database, "AB2CDE3F", c["answer"], at=NOON)
    submissions.status_of(database, c["answer"])
    reviewers.add(database, "anna", c["name"], "argon", "reviewer", actor="cli:root", at=NOON)
    reviewers.record_failure(database, c["username"], c["address"], NOON)
    reviewers.find(database, c["username"])


def hand_over_and_add(database: Database) -> None:
    c = CANARIES
    answers, given = {c["slot"]: c["baton"]}, {c["slot"]: {"by": c["giver"], "at": "x"}}
    links = (NewLink(c["ticket"], c["code"], c["called"]), batons.make_link(c["called"]))
    act(database, new_baton("CCCCCCCCCC", *links, answers=answers, given=given))
    batons.open_link(database, c["ticket"], c["code"], at=NOON)
    act(database, batons.BatonSaved("CCCCCCCCCC", {c["slot"]: c["corrected"]}, given))
    act(database, batons.BatonAnswer("CCCCCCCCCC", 2, "declined", c["why"], c["guardian"]))
    sent = application("CCCCCCCCCC", "AB2CDE3G")
    act(database, batons.BatonAnswer("CCCCCCCCCC", 1, "approved", None, c["guardian"]), submission=sent)
    draft = Draft("DDDDDDDDDD", "kontakta_mig", 1, {c["slot"]: c["moved"]}, c["asking"], NOON, NOON, {}, given)
    act(database, NewTransfer(c["ticket"], draft))
    additions.ask(database, "AB2CDE3F", c["asked"], actor="anna", at=NOON)
    act(database, additions.Addition("AB2CDE3F", None, c["added"], c["adder"], (c["later"],), (PERSONNUMMER,)))
    hand_over_to_the_records_and_search(database)
    act(database, additions.Withdrawal("AB2CDE3F", c["adder"]))


def hand_over_to_the_records_and_search(database: Database) -> None:
    c = CANARIES
    sent = application("EEEEEEEEEE", "AB2CDE3H", names=(c["child"],))
    act(database, submission=sent)
    submissions.change_status(database, "AB2CDE3H", "handed_over", actor="anna", version=1, at=NOON)
    retention_holds.confirm_hand_over(database, "AB2CDE3H", case_number=c["case"], actor="anna", at=NOON)
    for text, number in ((c["sought"], None), (c["child"], None), (c["case"], None), (PERSONNUMMER, PERSONNUMMER)):
        search.find(database, text, number=number, actor="anna", at=NOON)


def spellings(canary: str) -> list[bytes]:
    plain = canary.split("Å", maxsplit=1)[0]
    if canary == PERSONNUMMER:
        hyphened = f"{canary[:8]}-{canary[8:]}"
        return [one.encode() for one in (canary, hyphened, canary[2:], hyphened[2:])]
    return [plain.encode(), plain.encode("utf-16-le"), plain.encode().hex().encode(), plain.lower().encode()]


def test_no_column_holds_what_was_typed(database: Database) -> None:
    type_everywhere(database)
    with database.reading() as session:
        for table in Base.metadata.sorted_tables:
            stored = repr([tuple(row) for row in session.execute(select(table))]).encode()
            found = [name for name, canary in SECRETS.items() if any(s in stored for s in spellings(canary))]
            assert found == [], table.name


def test_no_file_of_the_database_holds_what_was_typed(tmp_path: Path, keyring: Keyring) -> None:
    url = f"sqlite:///{tmp_path}/var/kontakt.sqlite"
    migrate(url)
    database = Database(url, keyring)
    type_everywhere(database)
    while_open = {path.name: path.read_bytes() for path in (tmp_path / "var").iterdir()}
    database.close()
    after = {f"{path.name} after": path.read_bytes() for path in (tmp_path / "var").iterdir()}
    assert {"kontakt.sqlite", "kontakt.sqlite-wal", "kontakt.sqlite-shm", "kontakt.sqlite after"} <= {
        *while_open,
        *after,
    }
    for file, content in {**while_open, **after}.items():
        found = [name for name, canary in SECRETS.items() if any(s in content for s in spellings(canary))]
        assert found == [], file
    assert any(b"AB2CDE3F" in content for content in while_open.values())
