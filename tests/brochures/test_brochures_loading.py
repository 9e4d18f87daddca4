"""A spoiled data file is refused with a message that names the file, the entry and the reason; loading is fast."""

import time
from pathlib import Path

import pytest

from brochures.brochure import BrochureError
from brochures.lookup import load_library

KONTAKTGRUPP = "answers/kontaktgrupp.yml"
VINGAKER = "sources/vingaker_kontaktgrupp.yml"

SPOILED = [
    # file, what is replaced, by what, the entry named, words of the reason
    (KONTAKTGRUPP, "[vingaker_kontaktgrupp.hamtning]", "[vingaker_kontaktgrupp.taxi]", "pick_up", "unknown fact"),
    (KONTAKTGRUPP, "facts: [vingaker_kontaktgrupp.hamtning]", "facts: []", "pick_up", "cites no fact"),
    (KONTAKTGRUPP, "topic: pick_up", "topic: taxi", "taxi", "unknown topic 'taxi'"),
    (KONTAKTGRUPP, "topic: queue", "topic: pick_up", "pick_up", "given twice"),
    (KONTAKTGRUPP, "related: [where, how_often, group_leaders]", "related: [where, taxi]", "pick_up", "'taxi'"),
    (KONTAKTGRUPP, "related: [where, how_often, group_leaders]", "related: [pick_up]", "pick_up", "to itself"),
    (KONTAKTGRUPP, "related: [where, how_often, group_leaders]", "related: where", "pick_up", "list of names"),
    (KONTAKTGRUPP, "related: [where, how_often, group_leaders]", "related: [where, where]", "pick_up", "twice"),
    (KONTAKTGRUPP, "municipality: vingaker", "municipality: oslo", "what_is in oslo", "unknown municipality"),
    (KONTAKTGRUPP, "  en: >-\n    In Vingåker it costs", "  de: >-\n    It costs", "cost", "unknown key 'de'"),
    (KONTAKTGRUPP, "answers:", "answer:", "the file", "unknown key 'answer'"),
    (KONTAKTGRUPP, "- topic: what_is", "- topic: what_is\n  topic: why", "line 3", "'topic' stands twice"),
    (KONTAKTGRUPP, "- topic: what_is", "- topic: [", "the file", "not valid YAML"),
    (VINGAKER, "kind: folder", "kind: affisch", "the file", "unknown kind 'affisch'"),
    (VINGAKER, "municipality: vingaker", "municipality: oslo", "the file", "unknown municipality 'oslo'"),
    (VINGAKER, "publisher: Vingåkers kommun", "publisher:", "the file", "'publisher' is missing"),
    (VINGAKER, "  gratis:\n    text:", "  gratis:\n    txt:", "facts.gratis", "unknown key 'txt'"),
    (VINGAKER, "  grupp:\n", "  frivilligt:\n", "line", "'frivilligt' stands twice"),
    (VINGAKER, "  en: Contact group\n", "", "title", "'en' is missing"),
    ("sources/sala_intresseanmalan.yml", "updated: 2023-12-12", "updated: i fjol", "the file", "written YYYY-MM-DD"),
    ("vocabulary.yml", "  allmant: {", "  annat: {", "the file", "'allmant' is missing"),
    ("vocabulary.yml", "{sv: Vad det är, en: What it is}", "{sv: Det}", "topics.what_is.label", "'en' is missing"),
    ("vocabulary.yml", "label: {sv: Ålder, en: Age}", "label: Ålder", "topics.age.label", "must be a mapping"),
    ("municipalities/sala.yml", "brochure: sala_intresseanmalan", "brochure: okand", "the file", "unknown brochure"),
    ("municipalities/gotene.yml", "{sv: Götene kommun,", "{sv: 112,", "names", "put it in quotes"),
    ("municipalities/gotene.yml", ", en: Götene municipality", "", "names", "'en' is missing"),
    ("municipalities/gotene.yml", "checked: 2026-11-21", "", "the file", "'checked' is missing"),
    (
        "municipalities/gotene.yml",
        "[intresseanmalan,",
        "[intresseanmälan,",
        "the file",
        "'intresseanmälan' is no form id",
    ),
    ("municipalities/gotene.yml", "[intresseanmalan,", "[Kontakta mig,", "the file", "'Kontakta mig' is no form id"),
    ("municipalities/gotene.yml", "[intresseanmalan,", "[kontakta_mig,", "the file", "same name twice"),
    ("municipalities/sala.yml", "brochure: sala_intresseanmalan", "", "the file", "'checked' is missing"),
    ("municipalities/sala.yml", "  sv: kommunens växel", "  se: kommunens växel", "contact_names", "unknown key 'se'"),
    ("municipalities/national.yml", 'number: "90101"', "number: 90101", "emergency", "put it in quotes"),
]


@pytest.mark.parametrize(("file", "old", "new", "entry", "reason"), SPOILED)
def test_a_spoiled_file_is_refused_with_file_entry_and_reason(
    folder: Path, file: str, old: str, new: str, entry: str, reason: str
) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text, "the file no longer holds what this row spoils"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BrochureError) as caught:
        load_library(folder)
    assert caught.value.file == path
    assert entry in caught.value.entry
    assert reason in caught.value.reason
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["vocabulary.yml", "answers/allmant.yml", "municipalities/national.yml"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(BrochureError, match=f"{file}: the file: cannot be read"):
        load_library(folder)


@pytest.mark.parametrize(("content", "reason"), [("", "is empty"), ("- a\n- b\n", "must be a mapping")])
def test_a_file_without_a_mapping_is_refused(folder: Path, content: str, reason: str) -> None:
    (folder / "vocabulary.yml").write_text(content, encoding="utf-8")
    with pytest.raises(BrochureError, match=reason):
        load_library(folder)


def test_a_variant_needs_an_answer_that_holds_everywhere(folder: Path) -> None:
    path = folder / "answers/kontaktgrupp.yml"
    text = path.read_text(encoding="utf-8")
    general = "- topic: cost\n  facts"
    assert general in text
    path.write_text(text.replace(general, "- topic: cost\n  municipality: sala\n  facts"), encoding="utf-8")
    with pytest.raises(BrochureError, match="cost in sala: a variant for a municipality needs"):
        load_library(folder)


def test_an_easy_version_is_kept_for_swedish_only(folder: Path) -> None:
    library = load_library(folder)
    swedish, english = (library.answer("queue", "kontaktgrupp", None, language) for language in ("sv", "en"))
    assert swedish is not None
    assert english is not None
    assert swedish.easy is not None
    assert english.easy is None


def test_a_new_brochure_is_found_by_its_file_name(folder: Path) -> None:
    old, new = folder / "sources/vingaker_kontaktgrupp.yml", folder / "sources/vingaker_ny.yml"
    new.write_text(old.read_text(encoding="utf-8"), encoding="utf-8")
    library = load_library(folder)
    assert library.facts["vingaker_ny.gratis"].text == library.facts["vingaker_kontaktgrupp.gratis"].text


def test_the_whole_folder_is_read_within_300_milliseconds() -> None:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        load_library()
        times.append(time.perf_counter() - started)
    assert min(times) < 0.3
