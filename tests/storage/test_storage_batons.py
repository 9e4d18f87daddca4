"""Batons: handed on, corrected by two, sent in once; every answer of every guardian reaches the submission once."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from storage import audit, batons, conversations, submissions
from storage.addition_tables import SubmissionAdditionRow
from storage.baton_tables import BatonLinkRow, BatonRow
from storage.batons import (
    BatonAnswer,
    BatonDropped,
    BatonReminded,
    BatonSaved,
    DueReminder,
    Link,
    LinkReplaced,
    LinkUnknownError,
    make_link,
)
from storage.conversations import ConversationChangedError
from storage.database import Database
from storage.effects import Effect
from storage.tables import SubmissionRow
from tests.storage.families import (
    AFTER,
    ANSWERS,
    BY_KURATOR,
    EXPIRES,
    FORM,
    NOON,
    act,
    application,
    hand_over,
    new_baton,
    rows,
)

TOKEN = "ABCDEFGHJK"
REFERENCE = "AB2CDE3F"
HOUR = timedelta(hours=1)
LATER = NOON + HOUR


def approve(number: int, name: str | None = None) -> BatonAnswer:
    return BatonAnswer(TOKEN, number, "approved", None, name)


def decline(number: int, reason: str | None = None, name: str | None = None) -> BatonAnswer:
    return BatonAnswer(TOKEN, number, "declined", reason, name)


def send(database: Database, number: int = 1, *before: Effect) -> None:
    """The turn in which a guardian approves first."""
    act(database, *before, approve(number, "Anna Ek"), submission=application(TOKEN, REFERENCE), at=LATER)


def states(database: Database, at: Any = LATER) -> list[str]:
    baton = batons.find(database, TOKEN, at)
    assert baton is not None
    return [link.state for link in baton.links]


def added(database: Database) -> list[tuple[str, str | None, str | None]]:
    """(kind, who, why) of what was added to the submission."""
    opened = submissions.open_submission(database, REFERENCE, actor="anna", at=LATER)
    assert opened is not None
    return [(one.kind, one.by, one.text) for one in opened.additions]


def test_a_baton_is_found_as_it_was_made_also_after_a_restart(open_database: Callable[[], Database]) -> None:
    database = open_database()
    hand_over(database, TOKEN)
    database.close()
    restarted = open_database()
    baton = batons.find(restarted, TOKEN, NOON)
    assert baton is not None
    assert (baton.answers, baton.given, baton.form) == (ANSWERS, BY_KURATOR, FORM)
    assert (baton.form_id, baton.form_version, baton.municipality) == ("ansokan_kontaktfamilj", 4, "sala")
    assert (baton.language, baton.channel, baton.made_at, baton.expires_at) == ("sv", "web", NOON, EXPIRES)
    assert (baton.reference, baton.received_at) == (None, None)
    assert baton.links == (Link(1, "Anna", "waiting"), Link(2, "Bo", "waiting"))
    assert batons.find(restarted, "BBBBBBBBBB", NOON) is None


def test_a_baton_is_made_once(database: Database) -> None:
    hand_over(database, TOKEN)
    before = rows(database)
    with pytest.raises(ConversationChangedError):
        act(database, new_baton(TOKEN, make_link("Anna")))
    assert rows(database) == before


def given(who: str, minute: int) -> dict[str, str]:
    return {"by": who, "at": f"2026-03-02T12:{minute:02}:00+00:00"}


def test_of_two_who_correct_the_later_answer_to_each_question_stays(database: Database) -> None:
    hand_over(database, TOKEN)
    anna = {"barnets_namn": given("Anna", 10), "tider": given("Anna", 11)}
    act(database, BatonSaved(TOKEN, {**ANSWERS, "barnets_namn": "Alma", "tider": "helg"}, {**BY_KURATOR, **anna}))
    bo = {"behov": given("Bo", 12), "tider": given("Bo", 9)}
    act(database, BatonSaved(TOKEN, {**ANSWERS, "behov": "Läxor", "tider": "kväll"}, {**BY_KURATOR, **bo}))
    baton = batons.find(database, TOKEN, NOON)
    assert baton is not None
    assert baton.answers == {"barnets_namn": "Alma", "behov": "Läxor", "skola": None, "tider": "helg"}
    assert {slot: who["by"] for slot, who in baton.given.items()} == {
        "barnets_namn": "Anna", "behov": "Bo", "skola": "yrkesperson", "tider": "Anna",
    }  # fmt: skip


def test_the_first_who_approves_sends_it_in_and_the_other_is_added(database: Database) -> None:
    _, second = hand_over(database, TOKEN)
    corrected = {**ANSWERS, "barnets_namn": "Alma"}
    send(database, 1, BatonSaved(TOKEN, corrected, {"barnets_namn": given("Anna", 50)}))
    baton = batons.find(database, TOKEN, LATER)
    assert baton is not None
    assert (baton.reference, baton.received_at, baton.answers) == (REFERENCE, LATER, corrected)
    assert added(database) == []
    opened = batons.open_link(database, second.token, second.code, at=LATER)
    assert (opened.number, opened.baton.reference, states(database)) == (2, REFERENCE, ["approved", "opened"])
    act(database, decline(2, "Vill inte", "Bo Öberg"), at=LATER + HOUR)
    assert added(database) == [("guardian_declined", "Bo Öberg", "Vill inte")]
    events = [event.event for event in audit.trail(database, REFERENCE)]
    assert [event for event in events if event != "submission.opened"] == ["submission.received", "submission.answered"]
    assert audit.verify(database) == []


SEQUENCES: list[tuple[list[Any], list[tuple[str, str]]]] = [
    ([], [("guardian_silent", "Bo")]),
    (["decline 2"], [("guardian_declined", "Bo")]),
    (["approve 2"], [("guardian_approved", "Bo")]),
    (["decline 2", "approve 2"], [("guardian_declined", "Bo"), ("guardian_approved", "Bo")]),
]


@pytest.mark.parametrize(("after", "expected"), SEQUENCES, ids=range(len(SEQUENCES)))
def test_approved_declined_or_silent_the_other_is_told_of_once(
    after: list[str], expected: list[tuple[str, str]], database: Database
) -> None:
    hand_over(database, TOKEN)
    send(database)
    for number, step in enumerate(after):
        act(database, approve(2) if step == "approve 2" else decline(2), at=LATER + number * HOUR)
    for _ in range(2):
        assert batons.expire(database, EXPIRES - HOUR) == 0
    batons.expire(database, AFTER)
    batons.expire(database, AFTER)
    assert [(kind, by) for kind, by, _ in added(database)] == expected


def test_who_declined_before_it_was_sent_in_is_told_of_then(database: Database) -> None:
    hand_over(database, TOKEN)
    act(database, decline(2, "Nej", "Bo Öberg"))
    assert states(database) == ["waiting", "declined"]
    send(database)
    assert added(database) == [("guardian_declined", "Bo Öberg", "Nej")]


def test_who_declined_may_still_send_it_in(database: Database) -> None:
    hand_over(database, TOKEN)
    act(database, decline(1, "Nej"))
    send(database)
    assert (states(database), added(database)) == (["approved", "waiting"], [])
    baton = batons.find(database, TOKEN, LATER)
    assert baton is not None and (baton.links[0].reason, baton.links[0].name) == (None, "Anna Ek")


def test_what_was_registered_on_paper_is_told_of_all_answers(database: Database) -> None:
    """Nobody has approved it here: the one who does, afterwards, is not the one that it is from."""
    hand_over(database, TOKEN)
    act(database, decline(2, "Nej"))
    act(database, submission=application(TOKEN, REFERENCE, signed_on_paper=True))
    act(database, approve(1, "Anna Ek"), at=LATER)
    assert added(database) == [("guardian_approved", "Anna Ek", None), ("guardian_declined", "Bo", "Nej")]


REFUSED: list[tuple[str, list[Any], Effect]] = [
    ("no baton", [], BatonAnswer("BBBBBBBBBB", 1, "approved")),
    ("no link", [], approve(3)),
    ("approved twice", ["send"], approve(1)),
    ("declined after approving", ["send"], decline(1)),
    ("declined twice", [decline(2)], decline(2)),
    ("corrected after it was sent in", ["send"], BatonSaved(TOKEN, {"behov": "Annat"}, {})),
    ("corrected after a paper was registered", ["paper"], BatonSaved(TOKEN, {"behov": "Annat"}, {})),
    ("taken back after it was sent in", ["send"], BatonDropped(TOKEN)),
    ("taken back when there is none", [], BatonDropped("BBBBBBBBBB")),
    ("another link after answering", [decline(2)], LinkReplaced(TOKEN, 2, make_link("Bo"))),
    ("another link for nobody", [], LinkReplaced(TOKEN, 3, make_link("Cia"))),
    ("reminded after answering", [decline(2)], BatonReminded(TOKEN, 2)),
    ("approved when it was over", ["expired"], approve(2)),
    ("corrected when it was over", ["expired"], BatonSaved(TOKEN, ANSWERS, {})),
    ("another link when it was over", ["expired"], LinkReplaced(TOKEN, 2, make_link("Bo"))),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_what_cannot_be_done_any_more_is_refused_and_nothing_written(case: Any, database: Database) -> None:
    _, before, effect = case
    hand_over(database, TOKEN)
    at = LATER
    for step in before:
        if step == "send":
            send(database)
        elif step == "paper":
            act(database, submission=application(TOKEN, REFERENCE, signed_on_paper=True))
        elif step == "expired":
            at = EXPIRES
        else:
            act(database, step, at=LATER)
    there, baton = rows(database), batons.find(database, TOKEN, LATER)
    with pytest.raises(ConversationChangedError):
        act(database, effect, at=at)
    assert (rows(database), batons.find(database, TOKEN, LATER)) == (there, baton)


def test_a_baton_that_is_taken_back_is_gone(database: Database) -> None:
    before = rows(database)
    first, _ = hand_over(database, TOKEN)
    act(database, decline(2, "Nej"))
    act(database, BatonDropped(TOKEN))
    left = rows(database)
    assert [left[name] - before[name] for name in ("batons", "baton_links")] == [0, 0]
    assert batons.find(database, TOKEN, LATER) is None
    with pytest.raises(LinkUnknownError):
        batons.open_link(database, first.token, first.code, at=LATER)
    with pytest.raises(ConversationChangedError):
        send(database)
    assert submissions.count(database) == 0


def test_another_answer_than_the_two_is_a_mistake_of_the_program(database: Database) -> None:
    hand_over(database, TOKEN)
    with pytest.raises(ValueError, match="approved or declined"):
        act(database, BatonAnswer(TOKEN, 1, "maybe"))


@pytest.mark.parametrize("answers", [("approved", "approved"), ("approved", "declined"), ("declined", "approved")])
def test_two_guardians_at_the_same_moment_give_one_submission_and_one_addition(
    answers: tuple[str, str], open_database: Callable[[], Database]
) -> None:
    """Each in a process of its own: two open databases do not share the in-process lock."""
    opened = [open_database(), open_database()]
    for _ in range(8):
        token = conversations.make_draft_token()
        hand_over(opened[0], token)
        run_guardians(opened, token, answers)
    assert submissions.count(opened[0]) == 8
    with opened[0].reading() as session:
        found = session.scalars(select(SubmissionAdditionRow.submission_id)).all()
        assert sorted(found) == sorted(session.scalars(select(SubmissionRow.id)))
    for listed in submissions.listing(opened[0]):
        one = submissions.open_submission(opened[0], listed.reference, actor="anna", at=LATER)
        assert one is not None
        assert [each.kind for each in one.additions] == [
            "guardian_declined" if "declined" in answers else "guardian_approved"
        ]
    assert audit.verify(opened[0]) == []


def run_guardians(opened: list[Database], token: str, answers: tuple[str, str]) -> None:
    start = threading.Barrier(2)
    failures: list[BaseException] = []

    def tap(number: int) -> None:
        before = conversations.Conversation("web", f"{token} {number}")
        start.wait()
        try:
            while not answered(opened[number - 1], token, number, before, answers[number - 1]):
                pass
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=tap, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def answered(database: Database, token: str, number: int, before: conversations.Conversation, answer: str) -> bool:
    """What the dialogue does with a tap on approve or decline; False when it is to be worked out anew."""
    baton = batons.find(database, token, LATER)
    assert baton is not None
    sends = answer == "approved" and baton.reference is None
    try:
        conversations.save(
            database,
            before,
            before,
            message_id="tap",
            response={},
            at=LATER,
            submission=application(token) if sends else None,
            effects=[BatonAnswer(token, number, answer, None, f"Namn {number}")],
        )
    except ConversationChangedError:
        return False
    return True


def test_time_runs_out_for_links_not_for_what_was_answered(database: Database) -> None:
    hand_over(database, TOKEN, ("Anna", "Bo", "Cia"))
    act(database, decline(2, "Nej"))
    assert states(database, EXPIRES - timedelta(seconds=1)) == ["waiting", "declined", "waiting"]
    assert states(database, EXPIRES) == ["expired", "declined", "expired"]
    assert batons.expire(database, EXPIRES) == 2
    assert batons.expire(database, EXPIRES) == 0
    assert states(database, NOON) == ["expired", "declined", "expired"]


def test_a_baton_that_cannot_be_read_does_not_stop_the_others(database: Database) -> None:
    hand_over(database, "BBBBBBBBBB")
    hand_over(database, TOKEN)
    send(database)
    with database.transaction() as session:
        damaged = select(BatonRow.id).where(BatonRow.token == TOKEN).scalar_subquery()
        session.execute(update(BatonLinkRow).where(BatonLinkRow.baton_id == damaged).values(content_sealed=b"\x01x"))
    with capture_logs() as logged:
        assert batons.expire(database, AFTER) == 2
    assert [(one["event"], one["row"]) for one in logged] == [("baton.unreadable", 2)]


def test_who_is_to_be_reminded(database: Database) -> None:
    hand_over(database, TOKEN, ("Anna", "Bo", "Cia"))
    act(database, new_baton("BBBBBBBBBB", make_link("Dan")), at=NOON + 5 * HOUR)
    act(database, decline(2))
    wait = timedelta(days=3)
    due = [DueReminder(TOKEN, 1, NOON, EXPIRES), DueReminder(TOKEN, 3, NOON, EXPIRES)]
    assert batons.due_for_reminder(database, NOON + wait - HOUR, after=wait) == ()
    assert list(batons.due_for_reminder(database, NOON + wait, after=wait)) == due
    act(database, BatonReminded(TOKEN, 1), at=LATER)
    assert list(batons.due_for_reminder(database, NOON + wait, after=wait)) == due[1:]
    assert batons.due_for_reminder(database, EXPIRES, after=wait) == ()
    baton = batons.find(database, TOKEN, LATER)
    assert baton is not None and [link.reminded_at for link in baton.links] == [LATER, None, None]


def test_staff_see_how_far_the_guardians_have_come(database: Database) -> None:
    hand_over(database, TOKEN)
    send(database)
    act(database, submission=application("CCCCCCCCCC", "AB2CDE3G"))
    links = batons.links_of_submission(database, "ab2c de3f", LATER)
    assert [(link.number, link.state, link.name) for link in links] == [
        (1, "approved", "Anna Ek"),
        (2, "waiting", None),
    ]
    assert [link.state for link in batons.links_of_submission(database, REFERENCE, EXPIRES)] == ["approved", "expired"]
    for other in ("AB2CDE3G", "AB2CDE3H", "", "\x00"):
        assert batons.links_of_submission(database, other, LATER) == ()


def test_a_submission_knows_who_gave_each_answer(database: Database) -> None:
    hand_over(database, TOKEN)
    whose = {**BY_KURATOR, "barnets_namn": given("Anna Ek", 5)}
    act(database, approve(1), submission=replace(application(TOKEN, REFERENCE), given=whose))
    opened = submissions.open_submission(database, REFERENCE, actor="anna", at=LATER)
    assert opened is not None and (opened.given, opened.signed_on_paper) == (whose, False)
