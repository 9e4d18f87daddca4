"""The policy: a file that says how long, errors that say where, days of the Swedish calendar."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.conversations import Conversation, Draft
from storage.missed_questions import DAYS_KEPT
from storage.retention import Kept, RetentionPolicyError, kept, load_policy
from storage.retention_due import cutoff
from storage.retention_policy import LEAST_DAYS, OUR_BACKUPS, OUTCOMES, STOCKHOLM, Entry, Limit, beginning_of, day_of
from storage.submissions import TRANSITIONS

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RULE = "SN 2026-03-12 § 45"


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    return tmp_path / "gallring.yml"


def test_our_own_policy_is_a_proposal_for_what_has_been_sent_in() -> None:
    policy = load_policy()
    assert set(policy.kinds) == set(LEAST_DAYS)
    assert all(entry.decided for entry in policy.kinds.values())
    assert policy.submissions and not any(entry.decided for entry in policy.submissions.values())
    assert set(policy.limits) == {"submissions", "drafts"}
    assert policy.backups is not None and policy.backups.decided and policy.backups.days == OUR_BACKUPS.days == 30


def test_the_outcomes_are_statuses() -> None:
    assert set(OUTCOMES) < set(TRANSITIONS)


def test_a_policy_says_how_long_by_kind_form_and_outcome(policy_file: Path) -> None:
    policy_file.write_text(
        f"drafts: {{days: 30, rule: {RULE}}}\n"
        "inbox: never\n"
        f"outbox: {{days: never, rule: {RULE}}}\n"
        "submissions:\n"
        f"  kontakta_mig: {{closed: {{days: 0, rule: {RULE}}}, withdrawn: never}}\n"
        "  intresseanmalan: {handed_over: {days: 90, rule: undecided}}\n"
        "limits: {submissions: {most: 5, percent: 20, counted_from: 2}}\n",
        encoding="utf-8",
    )
    policy = load_policy(policy_file)
    assert policy.kinds == {"drafts": Entry("drafts", 30, RULE)}
    assert policy.submissions == {
        ("kontakta_mig", "closed"): Entry("submissions.kontakta_mig.closed", 0, RULE),
        ("intresseanmalan", "handed_over"): Entry("submissions.intresseanmalan.handed_over", 90, "undecided"),
    }
    assert policy.limits == {"submissions": Limit(5, 20, 2)}
    assert [entry.decided for entry in policy.submissions.values()] == [True, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"backups: {{days: 90, rule: {RULE}}}", Entry("backups", 90, RULE)),
        ("backups: {days: 7, rule: undecided}", Entry("backups", 7, "undecided")),
        ("backups: never", None),
        ("drafts: never", OUR_BACKUPS),  # an old file must not switch the limit off
    ],
)
def test_backups_have_thirty_days_when_nothing_is_said(policy_file: Path, text: str, expected: Entry | None) -> None:
    policy_file.write_text(text, encoding="utf-8")
    assert load_policy(policy_file).backups == expected


WRONG = [
    ("backups: {days: 6, rule: A}", "backups", "days must be a number from 7 to 365, or never"),
    ("backups: {days: 366, rule: A}", "backups", "days must be a number from 7 to 365, or never"),
    ("backups: {days: 30}", "backups", "it needs a rule"),
    ("- drafts", None, "it must be names"),
    ("", None, "it must be names"),
    ("drafts: {", None, "expected"),
    ("drafts: {days: 1, days: 2, rule: A}", None, "the entry days is there twice"),
    ("draughts: {days: 30, rule: A}", None, "there is no 'draughts' here"),
    ("drafts: 30", "drafts", "it must be names"),
    ("drafts: {days: 30}", "drafts", "it needs a rule"),
    ("drafts: {days: 30, rule: ' '}", "drafts", "it needs a rule"),
    ("drafts: {days: 30, rule: 12}", "drafts", "it needs a rule"),
    ("drafts: {rule: A}", "drafts", "days must be a number from 1 to"),
    ("drafts: {days: 0, rule: A}", "drafts", "days must be a number from 1 to"),
    ("drafts: {days: -1, rule: A}", "drafts", "days must be a number"),
    ("drafts: {days: true, rule: A}", "drafts", "days must be a number"),
    ("drafts: {days: 1.5, rule: A}", "drafts", "days must be a number"),
    ("drafts: {days: '30', rule: A}", "drafts", "days must be a number"),
    ("drafts: {days: 999999, rule: A}", "drafts", "days must be a number"),
    ("inbox: {days: 1, rule: A}", "inbox", "days must be a number from 2 to"),
    ("drafts: {days: 30, rule: A, reason: B}", "drafts", "there is no 'reason' here"),
    ("drafts: {days: 30, rule: '=1+1'}", "drafts", "begins with a letter or digit"),
    ("drafts: {days: 30, rule: '＝1+1'}", "drafts", "begins with a letter or digit"),
    (r'drafts: {days: 30, rule: "A\nB"}', "drafts", "the rule must be one line"),
    (f"drafts: {{days: 30, rule: {'A' * 65}}}", "drafts", "at most 64 signs"),
    (f"missed_questions: {{days: {DAYS_KEPT + 1}, rule: A}}", "missed_questions", "residents are told"),
    ("submissions: []", "submissions", "it must be names"),
    ("submissions: {Kontakta mig: {closed: never}}", "submissions.Kontakta mig", "this is no form's id"),
    ("submissions: {f: {received: never}}", "submissions.f", "there is no 'received' here"),
    ("submissions: {f: {closed: {days: -1, rule: A}}}", "submissions.f.closed", "days must be a number from 0"),
    ("submissions: {f: {closed: {days: 1, rule: A}}}", "limits", "how many submissions may go in one run"),
    ("limits: {inbox: {most: 1}}", "limits", "there is no 'inbox' here"),
    ("limits: {drafts: {most: 1, percent: 1}}", "limits.drafts", "it needs three numbers"),
    ("limits: {drafts: {most: -1, percent: 1, counted_from: 1}}", "limits.drafts", "it needs three numbers"),
]


@pytest.mark.parametrize(("text", "entry", "reason"), WRONG)
def test_an_error_names_file_entry_and_reason(policy_file: Path, text: str, entry: str | None, reason: str) -> None:
    policy_file.write_text(text, encoding="utf-8")
    with pytest.raises(RetentionPolicyError) as raised:
        load_policy(policy_file)
    assert (raised.value.file, raised.value.entry) == (str(policy_file), entry)
    assert reason in raised.value.reason
    assert str(policy_file) in str(raised.value) and "\n" not in str(raised.value)


def test_a_file_that_is_not_there_or_no_text_is_an_error(policy_file: Path) -> None:
    with pytest.raises(RetentionPolicyError, match="it cannot be read"):
        load_policy(policy_file)
    policy_file.write_bytes(b"\xff\xfe")
    with pytest.raises(RetentionPolicyError):
        load_policy(policy_file)


MIDNIGHTS = [
    (date(2026, 10, 25), datetime(2026, 10, 24, 22, 0, tzinfo=UTC)),
    (date(2026, 10, 26), datetime(2026, 10, 25, 23, 0, tzinfo=UTC)),
    (date(2027, 3, 28), datetime(2027, 3, 27, 23, 0, tzinfo=UTC)),
    (date(2027, 3, 29), datetime(2027, 3, 28, 22, 0, tzinfo=UTC)),
    (date(2028, 2, 29), datetime(2028, 2, 28, 23, 0, tzinfo=UTC)),
]


@pytest.mark.parametrize(("day", "midnight"), MIDNIGHTS)
def test_a_day_begins_at_midnight_in_sweden(day: date, midnight: datetime) -> None:
    assert beginning_of(day) == midnight
    assert (day_of(midnight), day_of(midnight - timedelta(microseconds=1))) == (day, day - timedelta(days=1))


TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (made aware)


@given(ended=TIMES, at=TIMES, days=st.integers(0, 400))
def test_old_enough_is_when_its_days_are_over(ended: datetime, at: datetime, days: int) -> None:
    passed = (at.astimezone(STOCKHOLM).date() - ended.astimezone(STOCKHOLM).date()).days
    entry = Entry("drafts", days, RULE)
    assert (ended < cutoff(entry, at)) is (passed > days) is (entry.purge_after(day_of(ended)) < day_of(at))


@pytest.mark.parametrize(
    ("going", "stored", "exceeded"),
    [
        (0, 0, False),
        (1, 1, False),
        (9, 9, False),
        (10, 40, False),
        (10, 39, True),
        (100, 400, False),
        (101, 9999, True),
    ],
)
def test_a_limit_counts_all_and_parts(going: int, stored: int, exceeded: bool) -> None:
    assert Limit(100, 25, 10).is_exceeded(going, stored) is exceeded


def test_what_is_kept_of_a_conversation_and_until_when(policy_file: Path) -> None:
    policy_file.write_text(
        "drafts: {days: 30, rule: A}\nconversations: {days: 10, rule: A}\nresponses: {days: 7, rule: A}\n"
    )
    policy = load_policy(policy_file)
    talking = Conversation("web", "somebody")
    soon = [Kept("responses", date(2026, 3, 9)), Kept("inbox", None)]
    assert [*kept(policy, talking, NOON)] == [Kept("conversations", date(2026, 3, 12)), *soon]
    draft = Draft("ABCDEFGHJK", "kontakta_mig", 1, {}, None, NOON - timedelta(days=9), NOON - timedelta(days=1))
    filling = Conversation("web", "somebody", draft=draft)
    drafted = date(2026, 3, 31)
    assert [*kept(policy, filling, NOON)] == [Kept("drafts", drafted), Kept("conversations", drafted), *soon]
    policy_file.write_text("conversations: {days: 10, rule: A}\n")
    nothing = [Kept(kind, None) for kind in ("drafts", "conversations", "responses", "inbox")]
    assert [*kept(load_policy(policy_file), filling, NOON)] == nothing
