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
        ("min son blir slagen i skolan av andra barn", None),
        ("جوزي ضربني مبارح", "violence"),
        ("داداشم منو کتک میزنه", "violence"),
        ("boje sie wrocic do domu", "child"),
        ("tengo miedo de mi padrastro", "violence"),
        ("краще б я не народився", "self_harm"),
        ("faija on taas kännissä", "substance_home"),
        ("aabe khamri buu cabaa", "substance_home"),
        ("ابني يضرب الأطفال في المدرسة", None),
        ("لا أريد أن أعيش مع أبي", None),
        ("پسرم را تو مدرسه اذیت می‌کنند", None),
        ("koledzy w szkole biją mojego syna", None),
        ("me muero de risa", None),
        ("однокласники б'ють мого сина", None),
    ],
)
def test_kinds_of_danger(text: str, kind: str | None) -> None:
    assert load_phrases().kind_of(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "Jag är lärare och en flicka i klassen har blåmärken",
        "jag jobbar som skolkurator, pappan slår honom",
        "ja e forskollarare å ett barn hos oss har brännmärken",
        "Hej, rektor på en grundskola här",
        "min elev har märken på halsen",
        "en elev har berättat att pappa slår henne",
        "jag arbetar på BUP och träffar en pojke som far illa",
        "Som tränare ser jag att en kille har blåmärken",
        "a pupil of mine has bruises",
        "olen luokanopettaja ja lasta lyödään kotona",
        "أنا معلمة وهناك طفل يتعرض للضرب",
        "arday baa ii sheegay in guriga lagu garaaco",
        "я вчителька, дитину б'ють вдома",
        "شاگردم گفت پدرش او را می‌زند",
        "uczennica powiedziała mi, że ojciec ją bije",
        "soy profesora y a una niña le pegan",
    ],
)
def test_who_writes_because_of_work(text: str) -> None:
    assert load_phrases().is_from_work(text)


@pytest.mark.parametrize(
    "text",
    [
        "min son är elev i femman",
        "jag är en elev på hogstadiet och pappa slår mig",
        "en elev slår mig i skolan",
        "min lärare slår mig",
        "jag är rädd för min lärare",
        "jag är mamma och min man slår barnen",
        "min mamma är lärare och hon slår mig",
        "skolkuratorn sa att jag ska söka hjälp här",
        "min tränare tar på mig",
        "I am a student and my dad hits me",
        "pelkään opettajaani",
        "معلمي يضربني",
        "macallinka ayaa i garaaca",
        "я учень і тато мене б'є",
        "من معلمم را دوست ندارم",
        "jestem uczniem i nauczyciel mnie bije",
        "soy un alumno y mi papá me pega",
    ],
)
def test_who_does_not_write_because_of_work(text: str) -> None:
    assert not load_phrases().is_from_work(text)
