"""A clock that has jumped purges nothing until it is right again or somebody has confirmed it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from storage import audit, missed_questions
from storage.conversations import Conversation, save
from storage.database import Database
from storage.missed_questions import MissedQuestion
from storage.retention import ClockError, PurgeReport, Uptime, confirm_clock, load_policy, purge, read_uptime
from storage.tables import MissedQuestionRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def boot(hours: float, boot_id: str = "first") -> Uptime:
    """A machine that was started 10 hours before NOON, so many hours after it."""
    return Uptime(boot_id, timedelta(hours=10 + hours))


def run(database: Database, hours: float, uptime: Uptime | None) -> PurgeReport:
    """The clock says so many hours after NOON."""
    return purge(
        database, load_policy(), NOON + hours * HOUR, actor="system", tombstone_file=None, uptime=uptime, batch=2
    )


def ask(database: Database) -> None:
    """Something that is purged after 30 days."""
    question = MissedQuestion("var är parkeringen", "sv", None, "no_answer")
    before = Conversation("web", "somebody")
    save(database, before, before, message_id="1", response={}, at=NOON, missed=question)


def left(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(MissedQuestionRow)) or 0


ACCEPTED = [
    ("an hour later", 1, boot(1), 2, boot(2)),
    ("the next run is early", 1, boot(1), 1, boot(1)),
    ("clocks of two machines differ a little", 1, boot(1), 1 - 0.05, boot(1)),
    ("the service was off for long, the machine was not", 0, boot(0), 24 * 40, boot(24 * 40)),
    ("a clock that drifts by some hours", 0, boot(0), 24 * 40 + 20, boot(24 * 40)),
    ("the machine was started again within a day", 0, boot(0), 24, boot(0, "second")),
    ("a day without uptime", 0, None, 25, None),
    ("uptime is known from now on", 0, None, 1, boot(1)),
]
REFUSED = [
    ("a jump of a month in an hour", 0, boot(0), 24 * 31 + 1, boot(1)),
    ("just over a day in an hour", 0, boot(0), 25.01, boot(1)),
    ("just over a day back while it runs", 100, boot(100), 76, boot(100.5)),
    ("a clock that stands still", 0, boot(0), 1, boot(30)),
    ("an hour back", 5, boot(5), 4, boot(5.5)),
    ("an hour back after a start", 5, boot(5), 4, boot(0, "second")),
    ("a month off, or a jump at the start", 0, boot(0), 24 * 31, boot(0, "second")),
    ("just over a day and an hour without uptime", 0, None, 25.01, None),
    ("uptime was not known before", 0, None, 24 * 31, boot(24 * 31)),
]


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case[0])
def test_a_clock_that_fits_is_believed(database: Database, case: tuple[str, float, Uptime, float, Uptime]) -> None:
    _, first, first_uptime, second, second_uptime = case
    run(database, first, first_uptime)
    assert run(database, second, second_uptime).at == NOON + second * HOUR


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_a_clock_that_does_not_fit_purges_nothing_until_it_is_confirmed(
    database: Database, case: tuple[str, float, Uptime, float, Uptime]
) -> None:
    _, first, first_uptime, second, second_uptime = case
    ask(database)
    confirm_clock(database, NOON + first * HOUR, first_uptime, actor="cli:root")
    for _ in range(2):  # it is not believed because it says the same twice
        with pytest.raises(ClockError, match="confirm-clock") as raised:
            run(database, second, second_uptime)
        assert "\n" not in str(raised.value)
    assert left(database) == 1
    confirm_clock(database, NOON + second * HOUR, second_uptime, actor="cli:root")
    run(database, second, second_uptime)
    assert left(database) == (0 if second >= 24 * 31 else 1)
    assert [event.event for event in audit.trail(database, "retention")] == ["retention.clock_confirmed"] * 2


def test_a_clock_that_is_set_right_again_needs_nobody(database: Database) -> None:
    run(database, 0, boot(0))
    with pytest.raises(ClockError):
        run(database, 24 * 400, boot(1))
    assert run(database, 2, boot(2)).at == NOON + 2 * HOUR


def test_many_small_steps_are_found_as_one(database: Database) -> None:
    """Each hour the clock gains three: after nine hours it is 18 hours ahead, after thirteen 26."""
    for hours in range(13):
        run(database, hours * 3, boot(hours))
    with pytest.raises(ClockError):
        run(database, 13 * 3, boot(13))


def test_the_very_first_run_is_measured_by_the_newest_event(open_database: Callable[[], Database]) -> None:
    database = open_database()
    audit.append(database, actor="anna", event="reviewer.added", subject="anna", at=NOON)
    with pytest.raises(ClockError):
        run(database, 26, boot(26))
    with pytest.raises(ClockError):
        run(database, -1, boot(0))
    run(database, 25, boot(25))


def test_without_anything_the_first_clock_is_believed(database: Database) -> None:
    run(database, 24 * 4000, None)


def test_another_schedule_allows_for_its_interval(database: Database) -> None:
    run(database, 0, None)
    with pytest.raises(ClockError):
        run(database, 30, None)
    purge(database, load_policy(), NOON + 30 * HOUR, actor="system", tombstone_file=None, interval=6 * HOUR)


def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="time zone"):
        purge(database, load_policy(), datetime(2026, 3, 2), actor="system", tombstone_file=None)  # noqa: DTZ001 (meant)


def test_uptime_goes_on_and_knows_its_start() -> None:
    first, second = read_uptime(), read_uptime()
    if not Path("/proc/sys/kernel/random/boot_id").exists():
        assert (first, second) == (None, None)
        return
    assert first is not None and second is not None
    assert first.boot_id == second.boot_id and timedelta() < first.elapsed <= second.elapsed


def test_the_clock_is_looked_at_before_the_table_of_missed_questions(database: Database) -> None:
    """What a question's own purge keeps, retention does not touch either while it refuses."""
    ask(database)
    run(database, 0, boot(0))
    with pytest.raises(ClockError):
        run(database, 24 * 60, boot(1))
    assert len(missed_questions.listing(database, NOON)) == 1
