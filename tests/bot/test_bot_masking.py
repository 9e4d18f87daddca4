"""What is left of a question that is kept for staff: the question, and nothing of the person."""

import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.masking import LEFT_OUT, LONGEST_WORDS, masked_question
from bot.scene import Scene, State, Tools
from bot.turn import Turn
from installation import RASA
from nlu.vocabulary import known_words

WORDS = known_words(RASA / "data")

MASKED = {
    "a plain question stays": ("vad kostar det?", "vad kostar det?"),
    "names": (
        "Hej, jag heter Amir Lindqvist och undrar vad en kontaktfamilj är",
        "Hej, jag heter … och undrar vad en kontaktfamilj är",
    ),
    "names in small letters": ("min son milo behöver en kontaktperson", "min son … behöver en kontaktperson"),
    "a name that is a word, too, inside a sentence": ("får Vi träffa Sin pappa där", "får … träffa … pappa där"),
    "telephone numbers": ("ring mig på 070-1740605 om kontaktgrupp", "ring mig på … om kontaktgrupp"),
    "ages and other numbers": ("min dotter är 11 år, får hon vara med?", "min dotter är … år, får hon vara med?"),
    "addresses": ("vi bor på Storgatan 5 i skolan", "vi bor på … i skolan"),
    "mail addresses": ("skriv till milo@example.com om det", "skriv till … om det"),
    "web addresses": ("är det https://example.com/vi som gäller", "är det … som gäller"),
    "several in a row are one gap": ("jag heter Sofia Maria Lindqvist Ek och vill veta", "jag heter … och vill veta"),
    "hardly anything left": ("Amir Lindqvist Storgatan 5", None),
    "nothing": ("", None),
}


def scene(make_tools: Callable[..., Tools], other: str | None = None) -> Scene:
    return Scene(
        Turn("web", "s", "m"), State(other_language=other), None, make_tools(known_words=WORDS, understand=None)
    )


@pytest.mark.parametrize(("text", "kept"), MASKED.values(), ids=MASKED.keys())
def test_only_harmless_words_stay(make_tools: Callable[..., Tools], text: str, kept: str | None) -> None:
    assert masked_question(scene(make_tools), text) == kept


def test_of_a_long_story_the_end_is_kept(make_tools: Callable[..., Tools]) -> None:
    story = "vi har det svårt hemma och jag är trött. " * 20 + "vad är en kontaktfamilj?"
    kept = masked_question(scene(make_tools), story)
    assert kept is not None
    assert len(kept.split()) <= LONGEST_WORDS
    assert kept.endswith("vad är en kontaktfamilj?")


def test_words_of_the_language_somebody_writes_are_known(make_tools: Callable[..., Tools]) -> None:
    question = "paljonko tukiperhe maksaa"
    assert masked_question(scene(make_tools), question) is None
    assert masked_question(scene(make_tools, "fi"), question) == question


def test_without_known_words_nothing_is_kept(make_tools: Callable[..., Tools]) -> None:
    tools = make_tools(understand=None)
    assert masked_question(Scene(Turn("web", "s", "m"), State(), None, tools), "vad kostar det?") is None


@given(
    name=st.text(string.ascii_lowercase + "åäö", min_size=4, max_size=12).filter(
        lambda word: word not in WORDS["sv"] | WORDS["en"]
    )
)
def test_a_word_nobody_wrote_an_example_with_never_stays(name: str) -> None:
    tools = Tools({}, {}, {}, None, None, None, known_words=WORDS)  # type: ignore[arg-type]  only the words are asked for
    asked = Scene(Turn("web", "s", "m"), State(), None, tools)
    for text in (f"kan {name} få en kontaktperson?", f"Kan {name.capitalize()} få en kontaktperson?"):
        assert masked_question(asked, text) == f"{text[:3]} {LEFT_OUT} få en kontaktperson?"
