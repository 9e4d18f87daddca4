"""Danger is found by the phrase list alone, with the NLU process away, and ordinary questions are not danger."""

from functools import cache
from pathlib import Path

import pytest
import yaml

from bot.safety import KINDS, load_phrases
from settings import ROOT

DATA = ROOT / "nlu" / "rasa" / "data"
LANGUAGES = sorted(path.name for path in DATA.iterdir() if path.is_dir())
FLOOR = 0.95
"""Share of the danger examples that the phrases must find without the NLU's help."""


@cache
def _examples(path: Path) -> tuple[str, ...]:
    blocks = yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
    return tuple(line.removeprefix("- ") for block in blocks for line in block["examples"].splitlines() if line.strip())


@pytest.mark.parametrize("language", LANGUAGES)
def test_danger_is_found_by_phrases_alone(language: str) -> None:
    examples = [text for kind in KINDS for text in _examples(DATA / language / f"danger_{kind}.yml")]
    missed = [text for text in examples if load_phrases().kind_of(text) is None]
    assert len(missed) <= (1 - FLOOR) * len(examples), missed


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_ordinary_question_is_danger(language: str) -> None:
    others = [path for path in (DATA / language).glob("*.yml") if not path.stem.startswith("danger_")]
    alarms = [text for path in others for text in _examples(path) if load_phrases().kind_of(text)]
    assert alarms == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("min pappa slår mig", "violence"),
        ("MIN PAPPA SLÅR MIG!!!", "violence"),
        ("min pappa slar mig", "violence"),
        ("min  pappa\nslår   mig", "violence"),
        ("jag vill inte leva längre", "self_harm"),
        ("I want to kill myself", "self_harm"),
        ("mamma dricker varje kväll och jag är rädd", "substance_home"),
        ("my husband hits me", "violence"),
        ("jag vill slå gräset", None),
        ("det här uppdraget tar död på mig", None),
        ("jag dör av skratt", None),
        ("han slog rekord på 100 meter", None),
        ("Can a contact person take the child out for dinner?", None),
        ("får barn som far illa en kontaktperson?", None),
    ],
)
def test_kinds_of_danger(text: str, kind: str | None) -> None:
    assert load_phrases().kind_of(text) == kind
