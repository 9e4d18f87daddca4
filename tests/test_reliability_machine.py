"""Messages twice, late and in any order: the real dialogue and storage do as the model says."""

from dataclasses import replace

import event_loops
import pytest

from bot.turn import Response, Turn
from reliability import order
from reliability.model import Expected, Said

RUNS = 60


def test_the_dialogue_does_as_the_model_says() -> None:
    figures = event_loops.apart(order.run, RUNS, same=True, steps=25)
    assert figures.runs >= RUNS
    assert figures.sent_in >= RUNS / 4


class Forgetful:
    """A dialogue that does not know a message again."""

    def __init__(self, dialogue: object) -> None:
        self._dialogue, self._numbers = dialogue, 0

    def respond(self, turn: Turn) -> Response:
        self._numbers += 1
        response: Response = self._dialogue.respond(replace(turn, message_id=f"{turn.message_id}-{self._numbers}"))  # type: ignore[attr-defined]
        return response


def test_a_dialogue_that_handles_a_message_twice_is_found_out() -> None:
    with pytest.raises(AssertionError):
        event_loops.apart(order.run, RUNS, same=True, steps=25, dialogue=Forgetful)


@pytest.mark.parametrize(
    ("taps", "answers"),
    [
        (["a:T:vem:ett"], {"vem": "ett"}),
        (["a:T:vem:ett", "a:T:vem:tva"], {"vem": "tva"}),
        (["a:T:vem:ett", "a:X:vem:tva"], {"vem": "ett"}),
        (["a:T:vem:stopp"], {}),
        (["a:T:vem:tva", "a:T:vilka:+bla", "a:T:vilka:+gul", "a:T:vilka:*"], {"vem": "tva", "vilka": ["gul", "bla"]}),
        (["a:T:vem:tva", "a:T:vilka:+rod", "a:T:vilka:+rod", "a:T:vilka:*"], {"vem": "tva"}),
        (["a:T:vem:tva", "a:T:vilka:*"], {"vem": "tva"}),
        (["a:T:vem:ett", "d:T:submit"], {"vem": "ett"}),
        (["a:T:vem:ett", "d:T:cancel", "d:T:cancel:yes"], {}),
    ],
)  # fmt: skip
def test_what_the_model_says(taps: list[str], answers: dict[str, object]) -> None:
    expected = Expected()
    for tap in ["f:ett_formular", *taps]:
        expected.hear(Said("tap", tap), "T")
    assert expected.answers == answers
