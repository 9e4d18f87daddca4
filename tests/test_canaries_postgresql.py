"""Canaries on PostgreSQL: its data directory with heap and journal, its log at its most talkative, and our own.

A shorter life than the one of `test_canaries`, over a real server that is asked to log every statement with its values,
as a municipality may have set it, and that goes away for a while.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from canary_life import (
    AS_GUARDIAN,
    Life,
    begun,
    handed_over,
    on_telegram,
    on_web,
    opened,
    sent_with_code,
    staff_of,
)
from postgresql_away import Stoppable, stoppable

from forms.form import Form

APPLICATION, CONTACT, CHAT = "ansokan_kontaktgrupp", "kontakta_mig", 80_001
TALKATIVE = (
    "log_statement=all", "log_min_duration_statement=0", "log_min_error_statement=debug5", "log_min_messages=debug1",
    "log_error_verbosity=verbose", "log_parameter_max_length=-1", "log_parameter_max_length_on_error=-1",
    "log_connections=on", "log_disconnections=on", "log_lock_waits=on", "log_temp_files=0", "log_checkpoints=on",
)  # fmt: skip
MOMENTS = ["sent in", "read and noted", "refused", "gone and back", "purged", "stopped"]


@dataclass
class Place:
    """The life, its server, and what every row of its tables read at the end."""

    life: Life
    server: Stoppable
    url: str
    rows: str = ""

    @property
    def log(self) -> str:
        """What the server has logged."""
        return (self.server.server.socket_directory / "log").read_text(encoding="utf-8", errors="replace")


def forms_and_a_baton(life: Life, forms: dict[str, Form]) -> None:
    """A form on the web, one in Telegram, and one from somebody at work to a guardian, who corrects and sends it."""
    word = life.canaries.word
    resident = life.resident()
    guardian = replace(life.walker, chosen=AS_GUARDIAN)
    sent_with_code(life, guardian.fill(forms[APPLICATION], 0, *on_web(resident), send=True))
    resident.say(text=f"Vad kostar det för {word('a question')}, {life.canaries.personnummer('a question')}?")
    resident.say(text=life.canaries.story("a story"))
    say, tap = on_telegram(life.fake, CHAT, forms[CONTACT])
    say("/start vingaker")
    say(f"Vad kostar det för {word('a question')}, {life.canaries.personnummer('a question')}?")
    sent_with_code(life, life.walker.fill(forms[CONTACT], 0, say, tap, send=True))
    (link,) = handed_over(life, forms[APPLICATION], life.resident(), 1)
    reader, asked = opened(life, link)
    say, tap = on_web(reader)
    tap(tap(asked.button("Ändra ett svar")).button("Skola"))
    sent_with_code(life, tap(say(word("corrected")).button("Godkänn och skicka")))
    life.walker.fill(forms[CONTACT], 0, *on_web(life.resident()), send=False)


def staff_read_and_write(life: Life) -> None:
    """A note, a question and its answer; the list."""
    staff, word = staff_of(life), life.canaries.word
    for reference in life.references:
        path = f"/inkommet/{reference}"
        assert staff.ask(path) == 200
        assert staff.post(f"{path}/anteckning", text=f"Ringt {word('note')}.") == 303
        assert staff.ask(path) == 200
        assert staff.post(f"{path}/komplettering", text=f"Hur mår {word('a question of staff')}?") == 303
        assert staff.ask(path) == 200
    assert staff.ask("/inkommet") == 200


def the_database_refuses(place: Place) -> None:
    """A note and a turn that break a rule of the database, which says so with the whole row."""
    life, word = place.life, place.life.canaries.word
    with psycopg.connect(place.url, autocommit=True) as connection:
        for table in ("submission_notes", "drafts"):
            connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT refused CHECK (false) NOT VALID".encode())
    staff = staff_of(life)
    path = f"/inkommet/{life.references[0]}"
    assert staff.ask(path) == 200
    life.statuses["note"] = staff.post(f"{path}/anteckning", text=word("a refused note"))
    resident = life.resident()
    life.statuses["turn"] = resident.turn(choice=f"f:{CONTACT}")[0]
    life.statuses["question"] = resident.turn(text=f"kan {word('a question')} komma")[0]
    with psycopg.connect(place.url, autocommit=True) as connection:
        for table in ("submission_notes", "drafts"):
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT refused".encode())


def it_is_gone_for_a_while(place: Place, form: Form) -> None:
    """In the middle of a form, and under staff."""
    life, word, staff = place.life, place.life.canaries.word, staff_of(place.life)
    resident = life.resident()
    say, _ = on_web(resident)
    life.walker.fill(form, 0, *on_web(resident), send=False)
    with place.server.away():
        resident.turn(text=word("said while it was gone"))
        life.fake.say(CHAT, word("said in Telegram while it was gone"))
        life.statuses["list"] = staff.ask("/inkommet")
        life.statuses["note while gone"] = staff.post(f"/inkommet/{life.references[0]}/anteckning", text=word("note"))
    assert say(word("said afterwards")).said
    assert staff.ask("/inkommet") == 200


def all_that_is_old_goes(place: Place) -> None:
    """Drafts, batons and conversations that are made to look old."""
    old = datetime.now(UTC) - timedelta(days=90)
    with psycopg.connect(place.url) as connection:
        for table, column in (("drafts", "updated_at"), ("conversations", "updated_at"), ("batons", "expires_at")):
            connection.execute(f"UPDATE {table} SET {column} = %s".encode(), (old,))
    for command in (("retention", "run", "--confirm-many"), ("audit", "verify")):
        assert place.life.command(*command).returncode == 0


def every_row(url: str) -> str:
    """All tables as text, what the server has compressed unpacked."""
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [connection.execute(f'SELECT t::text FROM "{name}" t'.encode()).fetchall() for (name,) in names]
    return "\n".join(text for table in rows for (text,) in table)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path, forms: dict[str, Form]) -> Iterator[Place]:
    """All of it, once."""
    with stoppable(*TALKATIVE) as server:
        url = server.server.new_url()
        with begun(tmp_path_factory.mktemp("canaries"), nlu_model, KONTAKT_DATABASE_URL=url) as life:
            found = Place(life, server, url)
            life.places += [server.server.socket_directory / name for name in ("data", "log")]
            forms_and_a_baton(life, forms)
            life.look("sent in")
            staff_read_and_write(life)
            life.look("read and noted")
            the_database_refuses(found)
            life.look("refused")
            it_is_gone_for_a_while(found, forms[CONTACT])
            life.look("gone and back")
            found.rows = every_row(url)
            all_that_is_old_goes(found)
            life.look("purged")
            life.kontakt.stop()
            life.look("stopped")
            yield found


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_file_of_the_server_and_none_of_ours_holds_what_was_typed(place: Place, moment: str) -> None:
    """Heap, journal, temporary files and the log; our own as well."""
    assert place.life.seen[moment] == {}
    assert place.life.looked_at[moment] > 500


def test_the_servers_log_has_values_and_the_rows_that_were_refused(place: Place) -> None:
    """So that the other tests have something to miss."""
    assert place.log.count("INSERT INTO submission_notes") >= 4
    assert len([line for line in place.log.splitlines() if "arameters: $1 = " in line]) > 500
    assert place.log.count("Failing row contains") >= 2
    assert "database system was not properly shut down" in place.log


def test_no_row_holds_what_was_typed(place: Place) -> None:
    assert place.rows.count("\n") > 50
    assert place.life.canaries.found_in(place.rows.encode()) == set()


def test_the_canaries_are_there_for_those_who_have_the_keys(place: Place) -> None:
    life = place.life
    for reference in life.references:
        assert life.canaries.found_in(life.command("submissions", "show", reference, "--json").stdout.encode())


def test_no_link_no_code_and_no_key_is_anywhere(place: Place) -> None:
    life = place.life
    secret = {name for name in life.secrets if name.startswith("link")} | life.codes.keys()
    assert len(secret) >= 5
    assert {name: places for name, places in life.secret_places.items() if name in secret} == {}
    keys = {path for name, paths in life.secret_places.items() if ".key" in name for path in paths}
    assert {path for path in keys if "/keys/" not in path} == set()


def test_what_was_refused_was_refused(place: Place) -> None:
    statuses = place.life.statuses
    assert statuses["note"] == statuses["turn"] == 500
    assert statuses["list"] == statuses["note while gone"] == 503
    assert "Traceback" not in place.life.kontakt.printed
