"""The fixed texts of the web chat's pages, by language; Swedish where a language is not there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

USUAL_LANGUAGE = "sv"

Texts = Mapping[str, Any]
"""The texts of one language, by key."""


def load_texts(path: Path = Path(__file__).parent / "texts.yml") -> Mapping[str, Texts]:
    """All texts, by language."""
    texts: dict[str, Texts] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return texts


def texts_in(texts: Mapping[str, Texts], language: str | None) -> tuple[str, Texts]:
    """The language that the page can be shown in, and its texts."""
    known = language if language is not None and language in texts else USUAL_LANGUAGE
    return known, texts[known]


def texts_for_the_script(texts: Mapping[str, Texts]) -> dict[str, dict[str, str]]:
    """Every plain text of every language, so that the script can say things and change the language."""
    return {
        language: {key: value for key, value in entries.items() if isinstance(value, str)}
        for language, entries in texts.items()
    }
