"""What a municipality must have before launch: the templates hold what the regulation asks for and say what the program
does; and as long as no assessment is named, the program reminds."""

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from running_kontakt import KONTAKT, RunningKontakt, free_port
from test_promises import promises

from brochures.readability import lix
from installation import examine
from settings import ROOT, Settings, SettingsError, load_settings
from storage.tables import Base

PAPERWORK = ROOT / "docs" / "paperwork"
ASSESSMENT, RECORD, STATEMENT = "konsekvensbedomning.md", "registerforteckning.md", "tillganglighetsredogorelse.md"
DOCUMENTS = (ASSESSMENT, RECORD, STATEMENT)

HEADINGS = [
    # what is asked for, where, and the heading that answers it
    ("art. 35.7 a, the processing described", ASSESSMENT, "## Beskrivning av behandlingen"),
    ("art. 35.7 a, its purposes", ASSESSMENT, "### Ändamål"),
    ("art. 35.7 b, necessity and proportionality", ASSESSMENT, "## Nödvändighet och proportionalitet"),
    ("art. 35.7 b, lawful basis", ASSESSMENT, "### Rättslig grund"),
    ("art. 35.7 c and d, risks and measures", ASSESSMENT, "## Risker och åtgärder"),
    ("art. 35.2, advice of the data protection officer", ASSESSMENT, "### Dataskyddsombudet"),
    ("art. 35.9, views of those concerned", ASSESSMENT, "### De som berörs"),
    ("art. 36, prior consultation", ASSESSMENT, "### Integritetsskyddsmyndigheten"),
    ("art. 35.11, review", ASSESSMENT, "## Uppföljning"),
    ("the decision", ASSESSMENT, "## Beslut"),
    ("art. 30.1 a, who is responsible", RECORD, "## Gemensamt för alla behandlingar"),
    ("2018:1937, how accessible it is", STATEMENT, "## Hur tillgänglig är chatten?"),
    ("2018:1937, what is not accessible", STATEMENT, "## Innehåll som inte är tillgängligt"),
    ("2018:1937, defects", STATEMENT, "### Brister som vi känner till"),
    ("2018:1937, disproportionate burden", STATEMENT, "### Oskäligt betungande anpassning"),
    ("2018:1937, what is outside the act", STATEMENT, "### Innehåll som inte omfattas av lagen"),
    ("2018:1937, how it was tested", STATEMENT, "## Hur vi har testat"),
    ("2018:1937, how to report", STATEMENT, "## Säg till om något brister"),
    ("2018:1937, supervision", STATEMENT, "## Tillsyn"),
]

RISKS = [
    # what could happen, and its heading
    ("leak", "Uppgifter läcker ut"),
    ("the wrong person opens it", "Fel person öppnar"),
    ("a guardian in conflict reads", "En vårdnadshavare i konflikt läser"),
    ("a youth's own application is seen at home", "En ung persons egen ansökan ses hemma"),
    ("protected identity", "Skyddade personuppgifter röjs"),
    ("shared telephone", "Delad telefon eller dator"),
    ("Telegram", "Telegram som kanal"),
    ("a wrong answer", "Ett svar är fel"),
    ("danger that is not noticed", "Fara som inte uppfattas"),
    ("a lost application", "En ansökan försvinner"),
    ("staff who read without a reason", "Personal läser utan skäl"),
    ("backups", "Säkerhetskopior läses eller är för gamla"),
    ("suppliers and the model", "Leverantörer och Rasas modell"),
]
RISK_ROWS = [
    "Vad som kan hända",
    "Åtgärder som finns",
    "Kvar",
    "Sannolikhet",
    "Allvar",
    "Kommunens åtgärder",
]
FOR_THE_MUNICIPALITY = RISK_ROWS[3:]

PROCESSINGS = [
    "Samtal utan formulär",
    "Utkast",
    "Inskickade formulär",
    "Överlämning till vårdnadshavare",
    "Personalens konton",
    "Spårlogg",
    "E-post till personalen",
    "Frågor utan svar",
    "Gallringsprotokoll",
    "Säkerhetskopior",
    "Telegram",
]
COMMON_ROWS = [
    "a) Personuppgiftsansvarig",
    "a) Gemensamt ansvarig",
    "a) Dataskyddsombud",
    "d) Personuppgiftsbiträden",
    "e) Tredjeland",
    "g) Säkerhet",
]
RECORD_ROWS = [
    "b) Ändamål",
    "c) Registrerade",
    "c) Uppgifter",
    "d) Mottagare",
    "e) Tredjeland",
    "f) Gallring",
    "g) Säkerhet",
    "Tabeller",
]

BLANK = re.compile(r"\[KOMMUNEN: [^\[\]\n]{3,}(?:\n[^\[\]\n]+)*\]")
LINK = re.compile(r"\[([^\[\]]+)\]\(([\w./-]+)\)")
DAYS = re.compile(r"`([\w.]+)` (\d+) dag(?:ar)?\b")
PROMISE = re.compile(r"\bP-\d+\b")


def document(name: str) -> str:
    return (PAPERWORK / name).read_text(encoding="utf-8")


def sections(name: str, level: str) -> dict[str, str]:
    """Heading -> what stands under it, to the next heading of that level or a higher one."""
    parts = re.split(rf"^(#{{1,{len(level)}}}) (.+)$", document(name), flags=re.MULTILINE)[1:]
    return {
        heading: under
        for marks, heading, under in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        if marks == level
    }


def rows(text: str) -> dict[str, str]:
    """First cell -> second cell of the two-column tables in a text."""
    found = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    cells = [(first, second) for first, second in found if first != "---"]
    assert len(cells) == len(dict(cells)), cells
    return dict(cells)


def policy_days() -> Iterator[tuple[str, int]]:
    """Every entry of the retention policy and its days, `a.b.c` for a nested one."""

    def entries(part: Mapping[str, Any], before: str) -> Iterator[tuple[str, int]]:
        for name, value in part.items():
            if "days" in value:
                yield before + name, value["days"]
            else:
                yield from entries(value, f"{before}{name}.")

    policy = yaml.safe_load((ROOT / "storage" / "retention.yml").read_text(encoding="utf-8"))
    yield from entries({name: value for name, value in policy.items() if name != "limits"}, "")


# -- the documents -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "name", "heading"), HEADINGS, ids=[asked for asked, _, _ in HEADINGS])
def test_what_the_regulation_asks_for_has_a_heading(asked: str, name: str, heading: str) -> None:
    level, words = heading.split(" ", 1)
    assert len(sections(name, level)[words].strip()) > 40


@pytest.mark.parametrize(("risk", "heading"), RISKS, ids=[risk for risk, _ in RISKS])
def test_each_risk_has_measures_and_what_is_left_and_its_size_is_for_the_municipality(risk: str, heading: str) -> None:
    said = rows(sections(ASSESSMENT, "###")[heading])
    assert [row for row in said if row.strip()] == RISK_ROWS
    assert [row for row in FOR_THE_MUNICIPALITY if not BLANK.fullmatch(said[row])] == []
    assert [row for row in RISK_ROWS[:3] if BLANK.search(said[row])] == []
    kept = {id for id, _, shown in promises() if "**not yet**" not in shown}
    named = set(PROMISE.findall(said["Åtgärder som finns"]))
    assert named and named <= kept


def test_every_risk_is_in_the_table() -> None:
    under = sections(ASSESSMENT, "##")["Risker och åtgärder"]
    assert re.findall(r"^### (.+)$", under, re.MULTILINE) == [heading for _, heading in RISKS]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_promise_that_is_named_exists(name: str) -> None:
    assert set(PROMISE.findall(document(name))) <= {id for id, _, _ in promises()}


def test_the_record_says_what_is_asked_of_each_processing() -> None:
    found = sections(RECORD, "##")
    assert list(rows(found.pop("Gemensamt för alla behandlingar")))[1:] == COMMON_ROWS
    del found["Tekniska tabeller"], found["Beslut"]
    assert list(found) == PROCESSINGS
    for heading in PROCESSINGS:
        assert list(rows(found[heading].split("\n### ")[0]))[1:] == RECORD_ROWS, heading


def test_every_table_is_in_the_record_or_has_a_reason() -> None:
    found = sections(RECORD, "##")
    named = {name for each in PROCESSINGS for name in re.findall(r"`(\w+)`", rows(found[each])["Tabeller"])}
    reasons = {name: why for name, why in rows(found["Tekniska tabeller"]).items() if name.startswith("`")}
    technical = {name.strip("`") for name in reasons}
    assert [name for name, why in reasons.items() if len(why) < 20] == []
    assert named & technical == set()
    assert named | technical == set(Base.metadata.tables)


def test_the_days_are_those_of_the_policy() -> None:
    decided = dict(policy_days()) | {"baton_days": Settings.model_fields["baton_days"].default}
    for name in DOCUMENTS:
        stated = DAYS.findall(document(name))
        assert {(key, days) for key, days in stated if decided.get(key) != int(days)} == set(), name
        assert len(re.findall(r"\d+ (?:dag|dygn)", document(name))) == len(stated), "days without the entry's name"
    assert {key for key, _ in DAYS.findall(document(RECORD))} == set(decided)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_blanks_have_one_form(name: str) -> None:
    text = document(name)
    assert len(BLANK.findall(text)) >= 10
    left = LINK.sub("", BLANK.sub("", text))
    assert re.findall(r"KOMMUNEN|[\[\]]|__+|\bX{2,}\b|\bÅÅÅÅ|\.{3}|<[^>]*>", left) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_is_easy_to_read(name: str) -> None:
    prose = re.sub(r"`[^`]*`|P-\d+|[|#]", " ", LINK.sub(r"\1", BLANK.sub("", document(name))))
    assert lix(prose) <= 40


@pytest.mark.parametrize("name", [*DOCUMENTS, "README.md"])
def test_what_is_linked_exists(name: str) -> None:
    assert [path for _, path in LINK.findall(document(name)) if not (PAPERWORK / path).is_file()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nobody_takes_it_for_legal_advice(name: str) -> None:
    first = " ".join(document(name).split("\n\n")[1].split())
    assert "Inget här är juridisk rådgivning." in first
    assert "Det som bara kommunen vet är markerat med hakparenteser." in first


def test_the_readme_names_each_document() -> None:
    assert {path for _, path in LINK.findall(document("README.md"))} >= set(DOCUMENTS)
    assert {path.name for path in PAPERWORK.iterdir()} == {*DOCUMENTS, "README.md"}


# -- the reminder ------------------------------------------------------------------------------------------------


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of an installation in which nothing has been stored yet."""
    (tmp_path / "kontakt.toml").touch()
    monkeypatch.delenv("KONTAKT_IMPACT_ASSESSMENT", raising=False)
    given = {
        "PATH": "/usr/bin:/bin",
        "KONTAKT_CONFIG": str(tmp_path / "kontakt.toml"),
        "KONTAKT_VAR": str(tmp_path / "var"),
        "KONTAKT_WEB_PORT": str(free_port()),
        "KONTAKT_REVIEW_PORT": str(free_port()),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


def test_doctor_warns_until_an_assessment_is_named(environment: dict[str, str]) -> None:
    def paperwork() -> list[str]:
        done = subprocess.run([*KONTAKT, "doctor"], env=environment, capture_output=True, text=True, timeout=60)
        return [line for line in done.stdout.splitlines() if "paperwork" in line]

    (warned,) = paperwork()
    assert warned.startswith("warn  paperwork: no impact assessment is named (setting impact_assessment): ")
    assert "docs/paperwork" in warned
    environment["KONTAKT_IMPACT_ASSESSMENT"] = "KS 2026/123, 2026-10-01"
    assert paperwork() == ["ok    paperwork"]


def test_nothing_is_stopped_by_it(environment: dict[str, str]) -> None:
    (found,) = [found for found in examine(load_settings()) if found.name == "paperwork"]
    assert found.problem and not found.serious


@pytest.mark.parametrize("value", ["", " ", " KS 2026/123", "KS 2026/123\n", "KS\n2026/123", "a" * 101])
def test_a_name_that_is_none_is_refused(value: str, environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"^setting impact_assessment: [^\n]+$"):
        load_settings(impact_assessment=value)


@pytest.mark.parametrize("value", ["K", "KS 2026/123, 2026-10-01", "Socialnämnden § 17, åäö", "a" * 100])
def test_a_name_is_taken(value: str, environment: dict[str, str]) -> None:
    assert load_settings(impact_assessment=value).impact_assessment == value


@pytest.mark.parametrize(
    ("address", "public"),
    [
        (None, False),
        ("http://127.0.0.1:8080", False),
        ("https://chatt.example.com", True),
        ("HTTPS://chatt.example.com/", True),
    ],
)
def test_a_chat_is_public_with_an_https_address(address: str | None, public: bool, environment: dict[str, str]) -> None:
    assert load_settings(web_address=address).is_public is public


@pytest.mark.parametrize(
    ("given", "times"),
    [
        ({"KONTAKT_WEB_ADDRESS": "https://chatt.example.com"}, 1),
        ({"KONTAKT_WEB_ADDRESS": "https://chatt.example.com", "KONTAKT_IMPACT_ASSESSMENT": "KS 2026/123"}, 0),
        ({}, 0),
    ],
    ids=["public and not named", "public and named", "not public"],
)
def test_serve_says_it_once_when_the_chat_is_public(
    environment: dict[str, str], nlu_model: Path, tmp_path: Path, given: dict[str, str], times: int
) -> None:
    kontakt = RunningKontakt(tmp_path / "var", nlu_model, **given)
    try:
        kontakt.wait_until_up()
        deadline = time.monotonic() + 30
        while "first staff account" not in kontakt.printed:  # the last of what is announced
            assert time.monotonic() < deadline, kontakt.printed
            time.sleep(0.05)
    finally:
        kontakt.stop()
    said = [line for line in kontakt.printed.splitlines() if "impact assessment" in line]
    assert len(said) == times
    assert all(line.startswith("paperwork: no impact assessment is named") for line in said)
