"""Finding submissions: by whole names, words of names, numbers, references and case numbers, and by nothing else."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select

from storage import additions, audit, batons, lookups, retention_holds, search, submissions
from storage.database import Database
from storage.encryption import Keyring
from storage.lookup_tables import SubmissionLookupRow
from storage.lookups import name_words
from tests.storage.families import NOON, act, application, hand_over, rows

ALVA, OTHER, THIRD = "AB2CDE3F", "AB2CDE3G", "BERGFAST"
NUMBER, SECOND_NUMBER = "201203019805", "198001019802"


def submit(database: Database, reference: str, *names: str, **more: Any) -> None:
    act(database, submission=application(f"T{reference}", reference, names=names, **more))


def found(database: Database, text: str, number: str | None = None) -> list[str]:
    result = search.find(database, text, number=number, actor="anna", at=NOON)
    assert result.number == len(result.summaries) and result.owed == 0
    return [summary.reference for summary in result.summaries]


WORDS = [
    ("Åsa Öberg", ("åsa", "öberg")),
    ("  ÅSA \t öberg ", ("åsa", "öberg")),
    ("A\u030asa O\u0308berg", ("åsa", "öberg")),
    ("Asa", ("asa",)),
    ("Anna-Karin", ("anna", "karin")),
    ("Anna‐Karin", ("anna", "karin")),
    ("O'Brien", ("obrien",)),
    ("O’Brien", ("obrien",)),
    ("D´Angelo", ("dangelo",)),
    ("José Nuñez", ("jose", "nunez")),
    ("Müller", ("muller",)),
    ("Sørensen", ("sörensen",)),
    ("Bæk", ("bäk",)),
    ("Straße", ("strasse",)),
    ("İpek Yıldız", ("ipek", "yildiz")),
    ("Łukasz Đoković", ("lukasz", "dokovic")),
    ("Ｂｏ Ek", ("bo", "ek")),
    ("Ek, Bo (pappa)", ("ek", "bo", "pappa")),
    ("A. B. Ek", ("a", "b", "ek")),
    ("محمد علي", ("محمد", "علي")),
    ("李明", ("李明",)),
    ("अनिल", ("अनिल",)),
    ("…!?", ()),
    ("", ()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "words"), WORDS)
def test_a_name_has_one_spelling(name: str, words: tuple[str, ...]) -> None:
    if name == "अनिल":
        words = name_words(words[0])
        assert len(words) == 1
    assert name_words(name) == words


@given(st.text(max_size=40))
def test_a_spelling_is_its_own(name: str) -> None:
    words = name_words(name)
    assert name_words(" ".join(words)) == words
    assert all(word and not any(letter.isspace() for letter in word) for word in words)


LETTERS = st.text("abcdefghijklmnopqrstuvwxyzåäöéü", min_size=1, max_size=8)


@given(st.lists(LETTERS, min_size=1, max_size=4), st.sampled_from(["upper", "title", "nfd", "hyphens", "blanks"]))
def test_however_it_is_written_it_is_the_same(words: list[str], how: str) -> None:
    name = " ".join(words)
    other = {
        "upper": name.upper(),
        "title": name.title(),
        "nfd": unicodedata.normalize("NFD", name),
        "hyphens": "-".join(words),
        "blanks": f"\t {'   '.join(words)}\n",
    }[how]
    assert name_words(other) == name_words(name)


@given(st.lists(st.text("abcdeåäö", min_size=1, max_size=4), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_name_is_found_by_itself_and_by_its_longer_words_in_any_order(
    keyring: Keyring, words: list[str], random: Any
) -> None:
    keys = lookups.name_keys(keyring, " ".join(words))
    assert lookups.wanted_name_keys(keyring, " ".join(words)) <= keys
    longer = [word for word in words if len(word) > 1]
    random.shuffle(longer)
    if longer:
        assert lookups.wanted_name_keys(keyring, " ".join(longer)) <= keys
    assert not lookups.wanted_name_keys(keyring, "x" + words[0]) <= keys


FINDS = [
    ("Alva Öberg", [ALVA]),
    ("öberg ALVA", [ALVA]),
    ("alva", [ALVA]),
    ("Öberg", [OTHER, ALVA]),
    ("Alva Ek", [ALVA]),
    ("Bo-Ek", [OTHER, ALVA]),
    ("Alv", []),
    ("lva", []),
    ("Oberg", []),
    ("Alva Karlsson", []),
    ("Alva Ö", []),
    ("Kim K Lund", [OTHER]),
    ("Kim Lund", [OTHER]),
    ("Kim K", []),
    ("K", []),
    ("%", []),
    ("Alva%", [ALVA]),
    ("Al%", []),
    ("Al*", []),
    ("Alv_", []),
    ("' OR 1=1 --", []),
    ("Helger", []),
    ("\x00\ud800", []),
    ("x" * 5000, []),
    ("", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "references"), FINDS)
def test_names_are_found_by_whole_words_all_of_them_in_one_submission(
    database: Database, text: str, references: list[str]
) -> None:
    submit(database, ALVA, "Alva Öberg", "Bo Ek")
    submit(database, OTHER, "Åke Öberg", "Bo Ek", "Kim K Lund")
    assert found(database, text) == references


def test_numbers_are_found_however_they_are_grouped_and_by_no_other_way(database: Database) -> None:
    submit(database, ALVA, numbers=(NUMBER,))
    submit(database, OTHER, numbers=(NUMBER, SECOND_NUMBER))
    assert found(database, "20120301-9805", NUMBER) == [OTHER, ALVA]
    assert found(database, "whatever", "20120301-9805") == [OTHER, ALVA]
    assert found(database, SECOND_NUMBER, SECOND_NUMBER) == [OTHER]
    assert found(database, NUMBER) == []  # digits that nobody took for a personnummer
    assert found(database, NUMBER[2:]) == [] and found(database, NUMBER[:8], NUMBER[:8]) == []


@pytest.mark.parametrize("text", [ALVA, "ab2c de3f", " AB2C-DE3F "])
def test_references_are_found_as_they_are_typed(database: Database, text: str) -> None:
    submit(database, ALVA, "Bo Ek")
    assert found(database, text) == [ALVA]
    assert found(database, "AB2CDE3") == []


def test_a_name_that_looks_like_a_reference_is_both(database: Database) -> None:
    submit(database, ALVA, "Kim Bergfast")
    submit(database, THIRD, "Bo Ek")
    assert set(found(database, "Bergfast")) == {ALVA, THIRD}
    assert kinds(database) == ["reference+name"]


def kinds(database: Database) -> list[Any]:
    return [event.details["kind"] for event in audit.trail(database, "submissions")]


def confirm(database: Database, reference: str, number: str | None) -> None:
    retention_holds.confirm_hand_over(database, reference, case_number=number, actor="anna", at=NOON)


def test_a_case_number_is_found_exactly_and_only_while_it_is_the_one(database: Database) -> None:
    submit(database, ALVA)
    submissions.change_status(database, ALVA, "handed_over", actor="anna", version=1, at=NOON)
    confirm(database, ALVA, "SN 2026-118")
    assert found(database, "sn2026-118") == found(database, " SN 2026-118 ") == [ALVA]
    for other in ("2026-118", "SN 2026", "SN", "SN 2026-1180", "SN 2026 118"):
        assert found(database, other) == []
    confirm(database, ALVA, "SN 2026-119")
    assert (found(database, "SN 2026-118"), found(database, "SN 2026-119")) == ([], [ALVA])
    confirm(database, ALVA, None)
    assert found(database, "SN 2026-119") == []
    confirm(database, ALVA, "SN 2026-120")
    opened = submissions.open_submission(database, ALVA, actor="anna", at=NOON)
    assert opened is not None
    submissions.change_status(database, ALVA, "in_review", actor="anna", version=opened.version, at=NOON)
    assert found(database, "SN 2026-120") == []
    assert rows(database)["submission_lookups"] == 0


def test_a_number_is_no_name_and_a_case_number_no_number(database: Database) -> None:
    """Each kind has fingerprints of its own."""
    keyring = database.keyring
    same = {lookups.number_key(keyring, NUMBER), lookups.case_key(keyring, NUMBER), *lookups.name_keys(keyring, NUMBER)}
    assert len(same) == 3 and all(len(key) == 64 for key in same)
    assert keyring.fingerprint(NUMBER, "sender:web") not in same


def test_what_is_added_later_is_found(database: Database) -> None:
    submit(database, ALVA, "Alva Öberg")
    act(database, additions.Addition(ALVA, None, "Mer", None, ("Kim Lund", "Alva Öberg"), (SECOND_NUMBER,)))
    assert found(database, "Lund Alva") == [ALVA] and found(database, "", SECOND_NUMBER) == [ALVA]
    act(database, additions.Addition(ALVA, None, "Mer", None, ("Kim Lund",), (SECOND_NUMBER,)))
    assert rows(database)["submission_lookups"] == 7


@pytest.mark.parametrize("answer", ["approved", "declined"])
@pytest.mark.parametrize("first", [True, False], ids=["before it is sent in", "after"])
def test_a_guardian_who_answers_for_themselves_is_found(database: Database, answer: str, first: bool) -> None:
    """Whichever comes first; and nobody is called "Anna" or "Bo" here, which is what the kurator called them."""
    hand_over(database, "ABCDEFGHJK")
    other = batons.BatonAnswer("ABCDEFGHJK", 2, answer, "Skäl", "Kim Lund")
    if first and answer == "declined":
        act(database, other)
    sent = application("ABCDEFGHJK", ALVA)
    act(database, batons.BatonAnswer("ABCDEFGHJK", 1, "approved", name="Åsa Ek"), submission=sent)
    if not first or answer == "approved":
        act(database, other)
    assert found(database, "Kim Lund") == [ALVA]
    assert found(database, "Bo") == [] and found(database, "Skäl") == []


def test_one_who_declines_without_a_name_is_not_found_by_what_they_are_called(database: Database) -> None:
    hand_over(database, "ABCDEFGHJK", ("Vårdnadshavare 1", "Vårdnadshavare 2"))
    act(database, batons.BatonAnswer("ABCDEFGHJK", 2, "declined"))
    act(database, batons.BatonAnswer("ABCDEFGHJK", 1, "approved"), submission=application("ABCDEFGHJK", ALVA))
    assert found(database, "Vårdnadshavare") == [] and found(database, "Alva") == [ALVA]


def test_a_search_is_on_the_record_without_what_was_looked_for(database: Database) -> None:
    submit(database, ALVA, "Alva Öberg", numbers=(NUMBER,))
    for text, number in (("Alva", None), ("20120301-9805", NUMBER), ("Kim Lund", None), (ALVA, None)):
        found(database, text, number)
    events = audit.trail(database, "submissions")
    assert [(event.event, event.actor, event.at) for event in events] == [("submissions.searched", "anna", NOON)] * 4
    assert [dict(event.details) for event in events] == [
        {"kind": "name", "hits": 1},
        {"kind": "number", "hits": 1},
        {"kind": "none", "hits": 0},
        {"kind": "reference", "hits": 1},
    ]
    assert "Alva" not in json.dumps([str(event) for event in events])
    assert audit.verify(database) == []


def test_the_newest_are_shown_and_all_are_counted(database: Database) -> None:
    made = [f"AB2CDE{number}" for number in ("22", "23", "24", "25", "26")]
    for reference in made:
        submit(database, reference, "Alva Öberg")
    result = search.find(database, "Alva", number=None, actor="anna", at=NOON, limit=2)
    assert (result.number, [summary.reference for summary in result.summaries]) == (5, made[:2:-1])


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(("text", "number"), [("Alva Öberg", None), (NUMBER, NUMBER), (ALVA, None)])
def test_nothing_is_looked_for_in_a_whole_table(database: Database, text: str, number: str | None) -> None:
    """But in the note of what is owed, which is empty except just after an upgrade."""
    submit(database, ALVA, "Alva Öberg", numbers=(NUMBER,))
    sent: list[tuple[str, Any]] = []
    with database.reading() as session:
        engine = session.get_bind()
    assert isinstance(engine, Engine)
    event.listen(engine, "before_cursor_execute", lambda *said: sent.append((said[2], said[3])))
    assert found(database, text, number) == [ALVA]
    with engine.connect() as connection:
        selects = [one for one in sent if one[0].startswith("SELECT")]
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", values).all() for said, values in selects]
    steps = [row[3] for plan in plans for row in plan]
    assert any("ix_submission_lookups_value_key" in step for step in steps)
    assert {step for step in steps if step.startswith("SCAN")} <= {"SCAN lookups_owed"}


def test_of_two_with_one_name_neither_is_listed_twice(database: Database) -> None:
    submit(database, ALVA, "Bo Bo", "Bo Ek", "bo ek", numbers=(NUMBER, NUMBER))
    assert found(database, "Bo Bo") == found(database, "Bo") == found(database, "ek bo") == [ALVA]
    with database.reading() as session:
        by_kind = select(SubmissionLookupRow.kind, func.count()).group_by(SubmissionLookupRow.kind)
        assert dict(session.execute(by_kind).all()) == {"name": 4, "number": 1}
