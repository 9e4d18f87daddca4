"""LIX against texts counted by hand."""

import pytest

from brochures.readability import lix


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0.0),
        ("…", 0.0),
        ("Det är gratis.", 3.0),  # 3 words, 1 sentence, none long
        ("Gruppen träffas ofta.", 3 + 100 * 2 / 3),
        ("Ni ses ofta. Ni har roligt.", 3.0),
        ("Ni ses ofta! Har ni roligt?", 3.0),
        ("Så här: ni ses.", 2.0),  # a colon ends a sentence
        ("Ett\nTvå", 1.0),  # so does a line break
        ("Kostar 3–12 kr.", 3.0),  # "3–12" is one short word, "Kostar" has six letters
        ("Ring 0224-74 70 00.", 4.0),
        ("Se kramfors.se nu.", 3.0),  # an address is one word, not long, and its dot ends nothing
        ("Skriv till vardomsorg@sala.se.", 3.0),
    ],
)
def test_lix_of_texts_counted_by_hand(text: str, expected: float) -> None:
    assert lix(text) == pytest.approx(expected)


def test_long_sentences_and_long_words_make_a_text_harder() -> None:
    plain = "Du kan ansöka. Skolan kan hjälpa dig."
    hard = "Möjligheten att inkomma med en ansökan om insatsen tillkommer vårdnadshavare respektive ungdomar."
    assert lix(plain) < 20 < 60 < lix(hard)
