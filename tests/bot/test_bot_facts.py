"""Facts in sentences: tables of what people write, and that nothing is found where nothing is told."""

import time
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.facts.finding import WHOSE, Fact, find_facts
from bot.facts.names import folded, name_words
from bot.facts.rules import load_rules

TODAY = date(2026, 11, 22)
PLACES = ("Sala", "Kramfors", "Götene", "Vingåker")
TABLE = yaml.safe_load((Path(__file__).parent / "facts_sentences.yml").read_text(encoding="utf-8"))
TOLD = [(row["say"], row["found"]) for name, rows in TABLE.items() if name != "nothing" for row in rows]
KINDS = {
    *("name", "phone", "email", "personnummer", "date", "age", "school_year", "school", "municipality", "place"),
    *("postcode", "service", "role", "frequency", "wished_age", "household", "animals", "languages"),
    *("interpreter_language", "offer"),
}
MILLISECONDS = 5.0


def _facts(text: str, **more: str) -> tuple[Fact, ...]:
    return find_facts(text, "sv", TODAY, municipalities=PLACES, **more)


def _lines(facts: tuple[Fact, ...]) -> list[str]:
    return sorted(f"{fact.kind} {fact.whose} {fact.value}".casefold() for fact in facts)


def test_there_are_sentences_enough() -> None:
    """At least 120, many of them with nothing to find, and no sentence twice."""
    said = [text for text, _ in TOLD] + TABLE["nothing"]
    assert len(said) >= 120
    assert len(TABLE["nothing"]) >= 60
    assert len(set(said)) == len(said)


@pytest.mark.parametrize(("text", "found"), TOLD, ids=[text[:60] for text, _ in TOLD])
def test_what_is_told(text: str, found: list[str]) -> None:
    """Every fact, whose it is, and nothing more."""
    assert _lines(_facts(text)) == sorted(line.replace('"', "").casefold() for line in found)


@pytest.mark.parametrize("text", TABLE["nothing"])
def test_nothing_is_told(text: str) -> None:
    """Ordinary words are no names, times no telephone numbers, and what is not the writer's no fact."""
    assert _facts(text) == ()


@pytest.mark.parametrize("change", [str.lower, str.upper, lambda text: text.replace(",", "")])
def test_numbers_are_found_however_it_is_written(change: object) -> None:
    """Telephone, mail and weekends do not depend on capitals or commas."""
    assert callable(change)
    text = change("Vi heter Amir och Sofia, bor i Sala, kan varannan helg, nås på 070-1740633 eller amir@example.com.")
    kinds = {fact.kind for fact in _facts(text)}
    assert {"phone", "email", "frequency", "municipality"} <= kinds


@pytest.mark.parametrize(
    "word",
    [
        *("januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november"),
        *("december", "måndag", "söndag", "kontaktfamilj", "kontaktperson", "kontaktgrupp", "umgängesstödjare"),
        *("sala", "götene", "kramfors", "vingåker", "mamma", "pappa", "kurator", "lärare", "ensam", "trött", "svensk"),
        *("hund", "intresserad", "här", "inte", "två", "glad", "villig", "pensionär", "vuxen", "gift", "redo"),
    ],
)
@pytest.mark.parametrize("cue", ["jag heter {}", "jag är {}", "Jag är {}", "vi är {}", "min son {}", "I am {}"])
def test_ordinary_words_are_no_names(cue: str, word: str) -> None:
    """Months, services, municipalities and what people are called otherwise; with a capital, too."""
    for said in (word, word.capitalize()):
        assert "name" not in {fact.kind for fact in _facts(cue.format(said) + " och skriver här")}


FIRST_NAMES = sorted(name for name in name_words().first_names - name_words().no_names if "-" not in name)


@given(st.sampled_from(FIRST_NAMES), st.sampled_from(["testberg", "påhittsson", "provström", "fiktiv", "madeup"]))
def test_names_are_whole(first: str, last: str) -> None:
    """First and last name after a cue, in small letters and with capitals, and not a word more."""
    for name in (f"{first} {last}", f"{first.capitalize()} {last.capitalize()}"):
        for around in ("jag heter {} och bor här", "hej jag är {} jag har en fråga", "my name is {} and so on"):
            text = around.format(name)
            assert [fact.value for fact in _facts(text) if fact.kind == "name"] == [name]


@given(st.sampled_from(FIRST_NAMES), st.sampled_from(FIRST_NAMES))
def test_two_share_a_surname(one: str, other: str) -> None:
    """Two first names and one last name are one fact for two people."""
    name = f"{one.capitalize()} och {other.capitalize()} Testberg"
    facts = [fact for fact in _facts(f"vi är {name}, hej") if fact.kind == "name"]
    assert [(fact.value, fact.people, fact.whose) for fact in facts] == [(name, 2, "writer")]


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    """No text breaks it; every fact stands in the text, in its order, and is somebody's."""
    facts = _facts(text)
    assert [fact.start for fact in facts] == sorted(fact.start for fact in facts)
    for fact in facts:
        assert fact.kind in KINDS
        assert fact.whose in WHOSE
        assert fact.value.strip()
        assert fact.value in text
        assert 0 <= fact.start < fact.end <= len(text)


@given(st.lists(st.sampled_from([text for text, _ in TOLD] + TABLE["nothing"]), min_size=1, max_size=4))
def test_sentences_do_not_disturb_each_other(texts: list[str]) -> None:
    """What a sentence tells about telephones and mail is told whatever stands around it."""
    together = ". ".join(texts)
    for kind in ("phone", "email"):
        apart = {fact.value for text in texts for fact in _facts(text) if fact.kind == kind}
        assert apart <= {fact.value for fact in _facts(together) if fact.kind == kind}


@given(st.text(alphabet="ABCÅÄÖåäöéÉßİıŁł’–xyz 123", max_size=60))
def test_folding_keeps_the_length(text: str) -> None:
    """A place in the folded text is the same place in the text."""
    assert len(folded(text)) == len(text)


def test_what_is_asked_for_needs_no_cue() -> None:
    """After "Vad heter du?" the name stands first; after "Vilken årskurs?" the year."""
    for kind, value in (("name", "Amir Lindqvist"), ("school_year", "5b")):
        assert (kind, value) in {(fact.kind, fact.value) for fact in _facts(f"{value}, 070-1740633", awaited=kind)}
    assert "name" not in {fact.kind for fact in _facts("Amir Lindqvist, 070-1740633")}


def test_a_wrong_personnummer_is_no_fact() -> None:
    """A digit that does not check is not taken for one, nor for a telephone number."""
    assert _facts("min son 20140403-9811") == _facts("min son")


def test_every_rule_finds_something() -> None:
    """No rule is left over: each matches in some sentence of the table."""
    texts = [folded(text) for text, _ in TOLD]
    rules = load_rules()
    for rule in rules.rules:
        assert any(next(rule.search.matches(text), None) for text in texts), rule.search.pattern.pattern
    for cue in rules.names:
        assert any(next(cue.search.matches(text), None) for text in texts), cue.search.pattern.pattern


def test_a_thousand_characters_take_little_time() -> None:
    """The best of several times, as others use the machine, for a text full of facts."""
    text = (TOLD[0][0] + ". ") * 8
    text = text[:1000]
    _facts(text)
    taken = []
    for _ in range(15):
        begun = time.process_time()
        _facts(text)
        taken.append((time.process_time() - begun) * 1000)
    assert min(taken) < MILLISECONDS, min(taken)
