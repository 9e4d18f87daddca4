"""The bot's own texts: the same in every language, and readable."""

from pathlib import Path

import pytest

from bot.wording import DIRECTORY, WordingError, load_wordings
from brochures.readability import lix
from forms.answer_error import ERROR_KEYS

WORDINGS = load_wordings()


def test_every_reason_an_answer_is_refused_has_a_sentence() -> None:
    missing = [key for key in ERROR_KEYS if not WORDINGS["sv"].has(key)]
    assert missing == []


@pytest.mark.parametrize("language", sorted(WORDINGS))
@pytest.mark.parametrize("key", sorted(ERROR_KEYS))
def test_a_refusal_says_it_with_its_own_values(language: str, key: str) -> None:
    values = dict.fromkeys(ERROR_KEYS[key], "7")
    assert WORDINGS[language](key, **values)


def test_swedish_is_easy_to_read() -> None:
    hard = {key: lix(text) for key, text in WORDINGS["sv"].texts.items() if len(text.split()) >= 12 and lix(text) > 45}
    assert hard == {}


def test_languages_that_differ_are_refused(tmp_path: Path) -> None:
    for name in ("sv", "en"):
        (tmp_path / f"{name}.yml").write_text((DIRECTORY / f"{name}.yml").read_text(), encoding="utf-8")
    with (tmp_path / "en.yml").open("a", encoding="utf-8") as file:
        file.write("extra: one more\n")
    with pytest.raises(WordingError, match="extra"):
        load_wordings(tmp_path)
