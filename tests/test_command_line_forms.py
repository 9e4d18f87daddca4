"""`kontakt forms`: every mistake is told, and a form that a municipality has written in YAML alone can be played."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from running_kontakt import KONTAKT

from forms.loader import DEFINITIONS

Run = Callable[..., subprocess.CompletedProcess[str]]


def both(swedish: str, english: str) -> dict[str, str]:
    return {"sv": swedish, "en": english}


def contact_form() -> dict[str, Any]:
    """The form kontakta_mig as plain data."""
    text = (DEFINITIONS / "kontakta_mig.yml").read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return data


def swimming() -> dict[str, Any]:
    """A form that no municipality has: somebody to go swimming with."""
    gate = contact_form()["questions"][0]
    texts = ("purpose", "information", "stop_text", "receipt")
    return {
        "id": "badkompis",
        "version": 1,
        "channels": ["web", "terminal"],
        "title": both("Sök badkompis", "Find a swimming friend"),
        **{key: both(f"Om {key}: ring kommunens växel.", f"About {key}: call the switchboard.") for key in texts},
        "flag_labels": {"liten": both("Under 7 år", "Under 7"), "saknar_plats": both("Plats saknas", "Place missing")},
        "questions": [
            gate,
            {
                "slot": "alder",
                "type": "age",
                "required": True,
                "label": both("Ålder", "Age"),
                "text": both("Hur gammal är du?", "How old are you?"),
                "why": both("Då blir det rätt bassäng.", "So that it is the right pool."),
                "notices": [
                    {
                        "when": {"slot": "alder", "younger_than": 7},
                        "text": both("Ta med en vuxen.", "Bring an adult."),
                        "flag": "liten",
                    }
                ],
            },
            {
                "slot": "plats",
                "type": "choice",
                "label": both("Plats", "Place"),
                "text": both("Var vill du bada?", "Where do you want to swim?"),
                "flag_when_skipped": "saknar_plats",
                "options": [
                    {"value": "inne", "label": both("Inne", "Indoors")},
                    {"value": "sjon", "label": both("I sjön", "In the lake")},
                ],
            },
            {
                "slot": "sjo",
                "type": "text",
                "label": both("Sjö", "Lake"),
                "text": both("Vilken sjö?", "Which lake?"),
                "when": {"slot": "plats", "is": "sjon"},
            },
        ],
    }


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    """The forms that there are, and one more."""
    place = tmp_path / "definitions"
    shutil.copytree(DEFINITIONS, place)
    write(place, swimming())
    return place


def write(place: Path, form: dict[str, Any]) -> None:
    (place / f"{form['id']}.yml").write_text(yaml.safe_dump(form, allow_unicode=True), encoding="utf-8")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `kontakt forms …`, with these lines as its input."""
    no_settings = tmp_path / "kontakt.toml"
    no_settings.touch()
    environment = {"KONTAKT_CONFIG": str(no_settings), "KONTAKT_VAR": str(tmp_path / "var"), "PATH": "/usr/bin:/bin"}

    def kontakt(*arguments: str, lines: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*KONTAKT, "forms", *arguments],
            env=environment,
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )

    return kontakt


def test_our_own_forms_have_no_mistakes(run: Run) -> None:
    done = run("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(list(DEFINITIONS.glob("*.yml")))


def test_a_form_is_added_and_a_question_changed_by_editing_yaml_alone(run: Run, definitions: Path) -> None:
    mine = contact_form()
    mine["version"] += 1
    mine["questions"][-1]["text"] = both("Vad ska vi kalla dig?", "What shall we call you?")
    write(definitions, mine)
    done = run("check", str(definitions))
    assert done.returncode == 0
    assert "badkompis version 1: 4 questions, no mistakes" in done.stdout
    assert "bot/wording/sv.yml has no menu.start_badkompis" in done.stderr
    played = run("preview", "badkompis", str(definitions), lines=("nej", "sex år", "2", "Hemsjön", "skicka in", "mer"))
    assert played.returncode == 0
    for said in ("Sök badkompis", "Ta med en vuxen.", "Vilken sjö?", "Hemsjön", "Om receipt: ring kommunens växel."):
        assert said in played.stdout
    assert played.stdout.splitlines()[-1].endswith("flags for staff: Under 7 år")
    changed = run("preview", "kontakta_mig", str(definitions), lines=("nej", "mejla mig", "a@example.com", "1", "3"))
    assert "Vad ska vi kalla dig?" in changed.stdout


def test_a_preview_stores_nothing(run: Run, tmp_path: Path) -> None:
    lines = ("nej", "mejla mig", "a@example.com", "nej", "annat", "Alex", "skicka in")
    done = run("preview", "kontakta_mig", lines=lines)
    assert done.returncode == 0
    assert "nothing is stored or sent" in done.stdout
    assert not (tmp_path / "var").exists()


def test_a_preview_speaks_english_and_can_be_left_in_the_middle(run: Run) -> None:
    done = run("preview", "ansokan_kontaktperson", "--language", "en", lines=("no", "I am 16"))
    assert done.returncode == 0
    assert "When you have turned 15 you can apply yourself." in done.stdout
    assert "When were you born?" in done.stdout
    assert done.stdout.splitlines()[-1] == "preview: the form was not sent in; nothing is stored"


def test_a_form_that_stops_ends_the_preview(run: Run) -> None:
    done = run("preview", "ansokan_kontaktgrupp", lines=("ja", "hej"))
    assert "Inget av det du har svarat är sparat" in done.stdout
    assert done.stdout.splitlines()[-1] == "preview: the form was not sent in; nothing is stored"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("preview", "finns_inte"), "no form 'finns_inte': choose one of ansokan_kontaktfamilj"),
        (("preview", "kontakta_mig", "--language", "fi"), "no language 'fi': choose one of"),
        (("check", "finns/inte"), "1 mistake in finns/inte"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, arguments: tuple[str, ...], told: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_mistake_names_file_question_and_reason(run: Run, definitions: Path) -> None:
    form = swimming()
    _, age, place, lake = form["questions"]
    age["type"] = "alder"
    age["notices"] = []
    del place["label"]["en"]
    place["when"] = {"slot": "sjo", "answered": True}
    place["options"][0]["value"] = "inne_i_badhuset_vid_torget"
    lake["hint"] = both("x" * 3_490, "Lake")
    write(definitions, form)
    unreachable = swimming() | {"id": "simmare"}
    unreachable["questions"][3]["when"] = {"all": [{"slot": "plats", "is": "inne"}, {"slot": "plats", "is": "sjon"}]}
    write(definitions, unreachable)
    done = run("check", str(definitions))
    assert done.returncode == 1
    wanted = [
        "badkompis.yml, question alder: unknown type 'alder' (known: text, long_text",
        "badkompis.yml, question plats: label is missing in en",
        "badkompis.yml, question plats: the value 'inne_i_badhuset_vid_torget' should be at most 24",
        "badkompis.yml, question plats: when: sjo is not an earlier question; a circular condition: plats waits for",
        "badkompis.yml, question sjo: the question (text and hint) would be 4099 characters in sv as it is sent; at",
        "badkompis.yml: flag_labels names liten, which nothing raises",
        "simmare.yml, question sjo: it is never asked: no answers make its when hold",
    ]
    lines = done.stdout.splitlines()
    assert [one for one in wanted if not any(line.startswith(one) for line in lines)] == []
    assert len(lines) == len(wanted)
    assert f"{len(wanted)} mistakes in" in done.stderr


def test_a_button_that_holds_too_much_is_named(run: Run, definitions: Path) -> None:
    form = swimming() | {"id": "badkompis_for_den_som_bor_i_kommunen"}
    form["questions"][2]["slot"] = "plats_att_bada_pa"
    form["questions"][2]["options"][1] |= {"value": "i_sjon_vid_lagret", "services": ["kontaktgrupp"]}
    form["questions"][3]["when"] = {"slot": "plats_att_bada_pa", "is": "i_sjon_vid_lagret"}
    write(definitions, form)
    done = run("check", str(definitions))
    assert done.returncode == 1
    assert (
        "question plats_att_bada_pa: the button of i_sjon_vid_lagret would carry 74 bytes; at most 64 fit"
        in done.stdout
    )
