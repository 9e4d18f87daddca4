"""Conversations: one turn is saved whole and once, whatever comes twice, late or at the same time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import audit, conversations, deliveries, submissions
from storage.additions import Addition
from storage.batons import BatonAnswer, NewBaton, make_link
from storage.conversations import Conversation, ConversationChangedError, Draft
from storage.database import Database, DatabaseError
from storage.deliveries import Outgoing
from storage.effects import Effect, EffectRefusedError
from storage.missed_questions import MissedQuestion
from storage.submissions import NewSubmission
from storage.tables import Base, StoredResponseRow, SubmissionRow
from storage.transfers import NewTransfer

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FORM = {"id": "kontakta_mig", "title": {"sv": "Hur vill du bli kontaktad?", "en": "How may we contact you?"}}
DRAFT = Draft(
    token="ABCDEFGHJK",
    form_id="kontakta_mig",
    form_version=1,
    answers={"namn": "Åsa \ud800\x00", "telefon": None, "dagar": ["man", "tis"], "tolk": False},
    asking="epost",
    started_at=NOON,
    updated_at=NOON + timedelta(minutes=1, microseconds=1),
)


def submission_of(draft: Draft) -> NewSubmission:
    return NewSubmission(
        reference=submissions.make_reference(),
        draft_token=draft.token,
        form_id=draft.form_id,
        form_version=draft.form_version,
        form_snapshot=FORM,
        answers=draft.answers,
        flags=("tolk",),
        municipality="sala",
        channel="web",
        language="sv",
    )


def save(database: Database, before: Conversation, message: str, **changes: object) -> Conversation:
    after = replace(before, **changes)  # type: ignore[arg-type]
    return conversations.save(database, before, after, message_id=message, response={"to": message}, at=NOON)


def rows(database: Database) -> dict[str, int]:
    with database.reading() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_a_new_sender_has_an_empty_conversation(database: Database) -> None:
    assert conversations.find(database, "web", "a") == Conversation("web", "a", {}, None, 0)
    assert conversations.handled(database, "web", "a", "1") is None


def test_state_and_draft_come_back_as_they_were_also_after_a_restart(
    open_database: Callable[[], Database],
) -> None:
    database = open_database()
    saved = save(database, Conversation("web", "å"), "1", state={"language": "sv"}, draft=DRAFT)
    assert saved.version == 1
    database.close()
    restarted = open_database()
    assert conversations.find(restarted, "web", "å") == saved
    assert conversations.find(restarted, "telegram", "å").version == 0
    assert conversations.handled(restarted, "web", "å", "1") == {"to": "1"}


def test_a_hundred_drafts_survive_a_restart(open_database: Callable[[], Database]) -> None:
    database = open_database()
    saved = [
        save(
            database,
            Conversation("web", str(n)),
            "1",
            draft=replace(DRAFT, token=conversations.make_draft_token()),
        )
        for n in range(100)
    ]
    database.close()
    restarted = open_database()
    assert [conversations.find(restarted, "web", str(n)) for n in range(100)] == saved


def test_a_draft_changes_is_replaced_and_goes(database: Database) -> None:
    now = save(database, Conversation("web", "a"), "1", draft=DRAFT)
    steps = [
        replace(DRAFT, answers={**DRAFT.answers, "epost": "asa@example.com"}, asking=None),
        replace(DRAFT, token="BBBBBBBBBB", form_id="intresseanmalan", answers={}),
        None,
        DRAFT,
    ]
    for number, draft in enumerate(steps):
        now = save(database, now, f"step {number}", draft=draft)
        assert conversations.find(database, "web", "a") == now
    assert rows(database)["drafts"] == 1


def test_a_message_is_handled_once(database: Database) -> None:
    before = Conversation("web", "a")
    first = save(database, before, "1", state={"n": 1})
    for stale in (before, first):
        with pytest.raises(ConversationChangedError):
            save(database, stale, "1", state={"n": 2})
    assert conversations.handled(database, "web", "a", "1") == {"to": "1"}
    assert conversations.find(database, "web", "a") == first


def test_message_ids_of_different_senders_and_channels_do_not_meet(database: Database) -> None:
    save(database, Conversation("web", "a"), "1")
    save(database, Conversation("web", "a1"), "")
    for channel, sender, message in (
        ("web", "b", "1"),
        ("telegram", "a", "1"),
        ("web", "a", "11"),
        ("web", "", "a1"),
    ):
        assert conversations.handled(database, channel, sender, message) is None


@pytest.mark.parametrize("behind", [0, 1])
def test_a_stale_version_writes_nothing(behind: int, database: Database) -> None:
    versions = [Conversation("web", "a")]
    for message in ("1", "2"):
        versions.append(save(database, versions[-1], message, draft=DRAFT))
    before = rows(database)
    with pytest.raises(ConversationChangedError):
        conversations.save(
            database,
            versions[behind],
            replace(versions[behind], state={"late": True}, draft=None),
            message_id="3",
            response={},
            at=NOON,
            submission=submission_of(DRAFT),
            outbox=[Outgoing("a", {"text": "hej"})],
        )
    assert rows(database) == before
    assert conversations.find(database, "web", "a") == versions[-1]
    assert conversations.handled(database, "web", "a", "3") is None


def test_submitting_writes_all_of_it_together(database: Database) -> None:
    now = save(database, Conversation("web", "a"), "1", draft=DRAFT)
    new = submission_of(DRAFT)
    conversations.save(
        database,
        now,
        replace(now, draft=None),
        message_id="2",
        response={"reference": new.reference},
        at=NOON,
        submission=new,
        outbox=[Outgoing("a", {"text": "tack"})],
    )
    assert conversations.find(database, "web", "a").draft is None
    assert conversations.handled(database, "web", "a", "2") == {"reference": new.reference}
    assert submissions.reference_for_draft(database, DRAFT.token) == (new.reference, "kontakta_mig")
    assert [row.payload for row in deliveries.due(database, "web", NOON)] == [{"text": "tack"}]
    (event,) = audit.trail(database, new.reference)
    assert (event.event, event.actor, event.at) == ("submission.received", "resident", NOON)


@pytest.mark.parametrize("taken", ["draft_token", "reference"])
def test_a_draft_or_reference_is_submitted_once(taken: str, database: Database) -> None:
    first, other = submission_of(DRAFT), submission_of(replace(DRAFT, token="BBBBBBBBBB"))
    conversations.save(
        database,
        Conversation("web", "a"),
        Conversation("web", "a"),
        message_id="1",
        response={},
        at=NOON,
        submission=first,
    )
    second = replace(other, **{taken: getattr(first, taken)})
    with pytest.raises(ConversationChangedError):
        conversations.save(
            database,
            Conversation("web", "b"),
            Conversation("web", "b"),
            message_id="1",
            response={},
            at=NOON,
            submission=second,
        )
    assert submissions.count(database) == 1
    assert conversations.find(database, "web", "b").version == 0


@pytest.mark.parametrize("same_message", [True, False])
def test_twenty_submits_at_once_give_one_submission_and_one_reference(same_message: bool, database: Database) -> None:
    save(database, Conversation("web", "a"), "0", draft=DRAFT)
    told: list[str] = []
    start = threading.Barrier(20)

    def submit(number: int) -> None:
        """What the dialogue does with a tap on the submit button."""
        message = "tap" if same_message else f"tap {number}"
        start.wait()
        while True:
            earlier = conversations.handled(database, "web", "a", message)
            if earlier is not None:
                told.append(earlier["reference"])
                return
            before = conversations.find(database, "web", "a")
            submitted = submissions.reference_for_draft(database, DRAFT.token)
            new = None if submitted else submission_of(DRAFT)
            reference = submitted[0] if submitted else new.reference if new else ""
            try:
                conversations.save(
                    database,
                    before,
                    replace(before, draft=None),
                    message_id=message,
                    response={"reference": reference},
                    at=NOON,
                    submission=new,
                )
            except ConversationChangedError:
                continue
            told.append(reference)
            return

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 20 and len(set(told)) == 1
    assert [row.reference for row in submissions.listing(database)] == [told[0]]
    assert audit.verify(database) == []


def test_only_the_latest_responses_are_kept_but_every_message_is_known(database: Database) -> None:
    now = Conversation("web", "a")
    for number in range(30):
        now = save(database, now, f"m{number}")
    save(database, Conversation("web", "b"), "m0")
    found = [conversations.handled(database, "web", "a", f"m{number}") for number in range(30)]
    assert found == [{}] * 10 + [{"to": f"m{number}"} for number in range(10, 30)]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(StoredResponseRow)) == 21


@pytest.mark.parametrize("after", [None, replace(DRAFT, token="BBBBBBBBBB")], ids=["gone", "replaced"])
@pytest.mark.parametrize("submitted", [True, False])
def test_when_a_draft_ends_only_a_receipt_is_kept(submitted: bool, after: Draft | None, database: Database) -> None:
    now = save(database, Conversation("web", "a"), "1", draft=DRAFT)
    now = save(database, now, "2", draft=replace(DRAFT, asking=None))
    now = conversations.save(
        database,
        now,
        replace(now, draft=after),
        message_id="3",
        response={"to": "3"},
        at=NOON,
        submission=submission_of(DRAFT) if submitted else None,
    )
    kept = [conversations.handled(database, "web", "a", message) for message in "123"]
    assert kept == [{}, {}, {"to": "3"} if submitted else {}]
    save(database, now, "4")
    assert conversations.handled(database, "web", "a", "4") == {"to": "4"}


def test_what_is_wrong_with_the_rows_is_not_taken_for_a_race(database: Database) -> None:
    before = Conversation("web", "a")
    wrong = replace(submission_of(DRAFT), language=None)  # type: ignore[arg-type]
    with pytest.raises(DatabaseError, match="cannot be saved") as caught:
        conversations.save(database, before, before, message_id="1", response={}, at=NOON, submission=wrong)
    assert "\n" not in str(caught.value)
    assert conversations.handled(database, "web", "a", "1") is None


@dataclass(frozen=True)
class Fails:
    """An effect that cannot be written, and what it sees of the turn that it belongs to."""

    error: Exception
    seen: list[str]

    def write(self, session: Session, at: datetime) -> None:
        self.seen.extend(session.scalars(select(SubmissionRow.reference)))
        raise self.error


@pytest.mark.parametrize("error", [EffectRefusedError("no"), ValueError("a mistake"), KeyError("x")], ids=repr)
@pytest.mark.parametrize("place", range(5))
def test_an_effect_that_fails_leaves_nothing_of_the_turn(place: int, error: Exception, database: Database) -> None:
    """Wherever it stands among the others; effects see the submission of their turn."""
    now = save(database, Conversation("web", "a"), "1", draft=DRAFT)
    new, before, seen = submission_of(DRAFT), rows(database), list[str]()
    token, link = "BBBBBBBBBB", make_link("Anna")
    until = NOON + timedelta(days=14)
    effects: list[Effect] = [
        NewTransfer("token", DRAFT),
        NewBaton(token, "kontakta_mig", 1, FORM, {}, {}, "sala", "sv", "web", (link,), until),
        BatonAnswer(token, 1, "declined"),
        Addition(new.reference, None, "Något till", None),
    ]
    effects.insert(place, Fails(error, seen))
    expected = ConversationChangedError if isinstance(error, EffectRefusedError) else type(error)

    def turn(effects: list[Effect]) -> None:
        conversations.save(
            database,
            now,
            replace(now, draft=None),
            message_id="2",
            response={},
            at=NOON,
            submission=new,
            outbox=[Outgoing("a", {"text": "tack"})],
            missed=MissedQuestion("vad", "sv", "sala", "no_answer"),
            effects=effects,
        )

    with pytest.raises(expected):
        turn(effects)
    assert seen == [new.reference]
    assert rows(database) == before
    assert conversations.find(database, "web", "a") == now
    assert conversations.handled(database, "web", "a", "2") is None
    turn([effect for effect in effects if not isinstance(effect, Fails)])
    after = rows(database)
    assert {name: after[name] - before[name] for name in ("transfers", "batons", "submission_additions", "outbox")} == {
        "transfers": 1, "batons": 1, "submission_additions": 1, "outbox": 1,
    }  # fmt: skip
    assert audit.verify(database) == []


def test_forgetting_leaves_only_what_was_submitted(database: Database) -> None:
    now = save(database, Conversation("telegram", "77"), "1", draft=DRAFT)
    deliveries.send_later(database, "telegram", [Outgoing("77", {}), Outgoing("78", {})], NOON)
    conversations.save(
        database,
        now,
        replace(now, draft=replace(DRAFT, token="BBBBBBBBBB")),
        message_id="2",
        response={},
        at=NOON,
        submission=submission_of(DRAFT),
    )
    assert conversations.forget(database, "telegram", "77") is True
    assert conversations.forget(database, "telegram", "77") is False
    assert conversations.find(database, "telegram", "77") == Conversation("telegram", "77")
    assert conversations.handled(database, "telegram", "77", "2") == {}
    left = rows(database)
    assert (left["drafts"], left["stored_responses"], left["outbox"], left["submissions"]) == (0, 0, 1, 1)


def test_a_turn_cannot_move_a_conversation(database: Database) -> None:
    with pytest.raises(ValueError, match="another sender"):
        conversations.save(
            database, Conversation("web", "a"), Conversation("web", "b"), message_id="1", response={}, at=NOON
        )


def test_draft_tokens_are_ten_letters_and_differ() -> None:
    tokens = {conversations.make_draft_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {10}
