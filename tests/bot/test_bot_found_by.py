"""What staff can find a submission by: the people in what was sent in through the dialogue, and in what came later."""

import asyncio
from datetime import date
from pathlib import Path

import event_loops
import pytest
from alembic import command
from alembic.config import Config
from handing_over import KURATOR, HandingOver
from sqlalchemy import select
from talking import APPLICATION, CONTACT, Talking

import serving
import storage
from bot.dialogue import Dialogue
from bot.sent.found_by import catch_up, told
from forms.identities import Identities, number_in
from storage import additions, leadership, search
from storage.database import REVISION, Database
from storage.lookup_tables import SubmissionLookupRow
from storage.lookups_owed import Made

TODAY = date(2026, 11, 20)
NUMBER, OTHER_NUMBER = "20150301-9802", "19800101-9804"
MOTHER, FATHER = "Karin Påhittad", "Amir Lindqvist"


def found(database: Database, text: str) -> list[str]:
    number = number_in(text, TODAY)
    result = search.find(database, text, number=number, actor="vera", at=Talking.now)
    return [summary.reference for summary in result.summaries]


def test_what_is_sent_in_is_found_by_names_and_number_and_nothing_else(talking: Talking) -> None:
    told_too = {"barnets_personnummer": NUMBER, "skola": "Påhittsskolan", "behov_egna_ord": "Tycker om mat"}
    reference, _ = talking.send("ansokan_kontaktgrupp", APPLICATION | told_too)
    for text in ("alva fiktiv", "Alva", "Fiktiv Karin", NUMBER, NUMBER[2:], NUMBER.replace("-", ""), reference.lower()):
        assert found(talking.database, text) == [reference], text
    for text in ("Alv", "Påhittsskolan", "mat", "Vingåker", "karin.fiktiv@example.com", NUMBER[:8], OTHER_NUMBER, "5"):
        assert found(talking.database, text) == [], text


def test_a_draft_is_never_found(talking: Talking) -> None:
    talking.begin("ansokan_kontaktgrupp")
    talking.fill(APPLICATION)
    assert found(talking.database, "Alva Fiktiv") == []


@pytest.fixture
def family(dialogue_alone: Dialogue, database: Database) -> HandingOver:
    return HandingOver(dialogue_alone, database)


def test_everybody_in_what_was_handed_over_is_found(family: HandingOver) -> None:
    """The kurator, the guardian the kurator named, the child, who approved – and who answers when it is sent in."""
    first, second = family.handed_over(2)
    family.open("mamma", first, "Åsa Ek")
    family.tap("mamma", "Godkänn och skicka")
    reference = family.sent_by("mamma").summary.reference
    assert found(family.database, FATHER) == []
    family.open("pappa", second, FATHER)
    family.tap("pappa", "Godkänn")
    for name in ("Åsa Ek", "Kim Kurator", MOTHER, "Elsa", FATHER):
        assert found(family.database, name) == [reference], name
    assert found(family.database, "Vårdnadshavare") == found(family.database, "skolan") == []


def test_a_signed_paper_that_was_registered_is_found(family: HandingOver) -> None:
    family.fill_in()
    family.tap(KURATOR, "Skriv ut som blankett")
    family.tap(KURATOR, "Registrera undertecknad blankett")
    family.say(KURATOR, "19 november 2026")
    reference = family.sent_by(KURATOR).summary.reference
    assert found(family.database, "Elsa Påhittad") == found(family.database, "Kim Kurator") == [reference]


def test_a_name_and_a_number_in_an_answer_to_staff_are_found(talking: Talking) -> None:
    reference, _ = talking.send("ansokan_kontaktgrupp", APPLICATION)
    for text in ("Den andra vårdnadshavaren?", "Vad behöver ni hjälp med?"):
        additions.ask(talking.database, reference, text, actor="vera", at=talking.now)
    talking.say(start=True)
    talking.tap("Läs och svara")
    talking.say(f"{FATHER}, {OTHER_NUMBER}")
    talking.say("Helger passar bäst, gärna med Idrott")
    assert additions.open_requests_of(talking.database, reference) == ()
    for text in (FATHER, "Lindqvist", OTHER_NUMBER):
        assert found(talking.database, text) == [reference], text
    for text in ("Helger", "passar", "Idrott", "gärna"):
        assert found(talking.database, text) == [], text


TOLD = [
    ("Bo Ek", ("Bo Ek",)),
    ("Alva.", ("Alva.",)),
    ("Hon heter Alva Öberg och går i trean", ("Alva Öberg",)),
    ("Pappa heter Amir Lindqvist, mamma heter Sofia", ("Amir Lindqvist", "Sofia")),
    ("Bo Ek och Anna von Sydow", ("Bo Ek", "Anna von Sydow")),
    ("Zebastian Qvist", ("Zebastian Qvist",)),
    ("Helger passar bäst", ()),
    ("Ja", ()),
    ("Tack", ()),
    ("Måndag, Tisdag", ()),
    ("Sala Kommun", ()),
    ("Kontaktfamilj", ()),
    ("Vi vill ha hjälp", ()),
    ("Han slår mig", ()),
    ("", ()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "names"), TOLD)
def test_in_free_text_only_what_is_told_as_a_name_is_one(text: str, names: tuple[str, ...]) -> None:
    assert told(text, "sv", TODAY, ["Sala"]) == Identities(names)


def test_numbers_in_free_text_are_read_as_in_a_form() -> None:
    assert told(f"Hans personnummer är {NUMBER[2:]}.", "sv", TODAY).numbers == (NUMBER.replace("-", ""),)
    assert told("Numret är 150301-9803, ring 070-174 06 05", "sv", TODAY).numbers == ()


def keys_in(database: Database) -> list[tuple[int, str, str]]:
    table = SubmissionLookupRow
    query = select(table.submission_id, table.kind, table.value_key).order_by(table.submission_id, table.value_key)
    with database.reading() as session:
        return [(id, kind, key) for id, kind, key in session.execute(query)]


def test_what_came_in_before_is_found_as_if_it_had_come_now(
    database: Database, family: HandingOver, talking: Talking
) -> None:
    """By the dialogue, with all that may come later; then the look-ups are taken away, as if there had been none."""
    first, second = family.handed_over(2)
    family.open("mamma", first, "Åsa Ek")
    family.tap("mamma", "Godkänn och skicka")
    family.open("pappa", second, FATHER)
    family.tap("pappa", "Tacka nej")
    family.tap("pappa", "Tacka nej utan att säga varför")
    reference, _ = talking.send("ansokan_kontaktgrupp", APPLICATION | {"barnets_personnummer": NUMBER})
    talking.send("kontakta_mig", CONTACT)
    additions.ask(database, reference, "Den andra vårdnadshavaren?", actor="vera", at=talking.now)
    talking.say(start=True)
    talking.tap("Läs och svara")
    talking.say(f"{FATHER}, {OTHER_NUMBER}")
    before = keys_in(database)
    assert found(database, FATHER) != [] and len({id for id, _, _ in before}) == 2
    take_away(database)
    assert keys_in(database) == [] and found(database, FATHER) == []
    with leadership.held(database, "lookups", 60):
        assert catch_up(database) is None
    assert catch_up(database) == Made(3, 0)
    assert keys_in(database) == before
    assert catch_up(database) == Made(0, 0)


def test_the_service_makes_up_for_them_at_its_start(
    database: Database, talking: Talking, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, _ = talking.send("ansokan_kontaktgrupp", APPLICATION)
    take_away(database)

    async def begin_and_stop() -> None:
        stop = asyncio.Event()
        stop.set()
        await serving.repeat_lookups(database, 1, stop)

    event_loops.run(begin_and_stop())
    assert found(database, "Alva Fiktiv") == [reference]
    printed = "".join(capsys.readouterr())
    assert "lookups.made" in printed and "Alva" not in printed
    event_loops.run(begin_and_stop())
    assert "lookups" not in "".join(capsys.readouterr())


def take_away(database: Database) -> None:
    """Down to the revision before, and up again."""
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
    with database.transaction() as session:
        config.attributes["connection"] = session.connection()
        command.downgrade(config, "0006")
        command.upgrade(config, REVISION)
