"""Dialogue without the NLU process: buttons, commands and forms must do without it."""

from collections.abc import Callable

import pytest
from talking import Talking

from bot.dialogue import Dialogue
from bot.scene import Tools
from nlu.client import NluUnavailableError, Understanding
from storage.database import Database


def _away(text: str) -> Understanding:
    raise NluUnavailableError("the NLU process is not running")


@pytest.fixture
def dialogue_alone(make_tools: Callable[..., Tools], database: Database) -> Dialogue:
    """The dialogue while the NLU process is away."""
    return Dialogue(make_tools(understand=_away), database)


@pytest.fixture
def talking(dialogue_alone: Dialogue, database: Database) -> Talking:
    """A resident in the web chat, without the NLU process."""
    return Talking(dialogue_alone, database)
