"""A phrase list finds what its expressions match, however little of the list it tries."""

import pytest

from bot.phrases import grams_of, phrase_list

EXPRESSIONS = (
    r"(?:slår (mig|oss))\b",
    r"\b(?:\w{0,3}kort\w*)",
    r"(?:(bruten|av)? ?arm(en)?\b(?! i arm))",
    r"(?:[aá]b{2}a[^.!?]{0,5}(på|i) spel)",
    r"^ja$",
)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("han slår mig", [(4, 12)]),
        ("han slår honom", []),
        ("ett idkort till", [(4, 10)]),
        ("min brutna arm", [(10, 14)]),
        ("arm i arm", [(5, 9)]),
        ("ábba nu på spel", [(0, 15)]),
        ("aba på spel", []),
        ("ja", [(0, 2)]),
        ("", []),
    ],
)
def test_spans(text: str, spans: list[tuple[int, int]]) -> None:
    assert list(phrase_list(EXPRESSIONS).spans(text, grams_of(text))) == spans
