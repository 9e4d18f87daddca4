"""Every button fits Telegram's 64 bytes and is read back as what it was."""

from itertools import product

import pytest

from bot import choices
from bot.turn import CHOICE_ID_BYTES, Choice
from brochures.lookup import Library
from forms.form import Form

TOKEN = "A" * 10


def _all_choices(library: Library, forms: dict[str, Form]) -> list[Choice]:
    found = [choices.topic(t, s, "x") for t, s in product(library.vocabulary.topics, library.vocabulary.services)]
    found += [choices.service(service, "x") for service in library.vocabulary.services]
    found += [choices.municipality(place.id, "x") for place in library.municipalities]
    for form in forms.values():
        found.append(choices.form(form.id, "x"))
        for question in form.questions:
            found += [choices.answer(TOKEN, question.slot, f"+{option.value}", "x") for option in question.options]
            found += [choices.form(form.id, "x", f"{question.slot}={o.value}") for o in question.options if o.services]
            found += [
                choices.action(TOKEN, name, "x", question.slot) for name in ("skip", "back", "why", "change", "keep")
            ]
    return found


def test_no_button_is_longer_than_telegram_allows(library: Library, forms: dict[str, Form]) -> None:
    too_long = [c.id for c in _all_choices(library, forms) if len(c.id.encode()) > CHOICE_ID_BYTES]
    assert too_long == []


def test_every_button_is_read_back(library: Library, forms: dict[str, Form]) -> None:
    for choice in _all_choices(library, forms):
        tap = choices.read_tap(choice.id)
        assert tap is not None
        assert ":".join((tap.kind, *tap.fields)) == choice.id


@pytest.mark.parametrize("forged", ["", "x", "a", "a:", "q:1", "a::b", "t:" + "x" * 80, "\ud800", "c:" + "å" * 40])
def test_what_is_no_button_of_ours_is_nothing(forged: str) -> None:
    assert choices.read_tap(forged) is None


@pytest.mark.parametrize(
    ("typed", "found"), [("Ja", "1"), ("ja!", "1"), ("  JA ", "1"), ("nej", "2"), ("kanske", None), ("", None)]
)
def test_a_typed_label_is_its_button(typed: str, found: str | None) -> None:
    offered = (Choice("1", "Ja"), Choice("2", "Nej"))
    matched = choices.match_label(typed, offered)
    assert (matched.id if matched else None) == found
