"""The real parts, put together for tests: NLU process, database, dialogue, web sites, Chromium.

Only Telegram's servers and the clock are ever pretended. What takes long to start is started once for all tests.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bot.baton.tools import BatonTools
from bot.dialogue import Dialogue
from bot.keeping import kept_until
from bot.scene import Tools
from bot.turn import Response, Turn
from bot.wording import load_wordings
from brochures.lookup import Library, load_library
from forms.form import Form
from forms.loader import load_forms
from installation import DOMAIN, RASA
from nlu import training
from nlu.client import NluClient
from nlu.process import NluProcess
from settings import ROOT
from storage import additions, batons, retention, status_codes, submissions
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys

sys.path.insert(0, str(Path(__file__).parent))  # tests share a few modules (chromium, fake_telegram) by plain name

settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")  # the same examples every time: a change is judged by what it changed


@pytest.fixture(scope="session")
def library() -> Library:
    """The brochures as they are."""
    return load_library()


@pytest.fixture(scope="session")
def forms() -> dict[str, Form]:
    """The form definitions as they are."""
    return dict(load_forms(ROOT / "forms" / "definitions"))


@pytest.fixture(scope="session")
def nlu_model() -> Path:
    """The model of the present training data; trained when there is none yet."""
    return training.train(RASA, DOMAIN, ROOT / "var" / "nlu", lambda line: None)


@pytest.fixture(scope="session")
def nlu_process(nlu_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running NLU process; gives its run file."""
    run_file = tmp_path_factory.mktemp("nlu") / "nlu.json"
    process = NluProcess(RASA, nlu_model, run_file)
    process.start()
    process.wait_until_ready(120)
    yield run_file
    process.stop()


@pytest.fixture(scope="session")
def nlu_client(nlu_process: Path) -> Iterator[NluClient]:
    """A client of the running NLU process."""
    client = NluClient(nlu_process, timeout=10.0)
    yield client
    client.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new SQLite database with keys of its own."""
    make_keys(tmp_path / "keys")
    url = f"sqlite:///{tmp_path / 'kontakt.db'}"
    migrate(url)
    opened = Database(url, load_keys(tmp_path / "keys"))
    yield opened
    opened.close()


@pytest.fixture
def make_tools(library: Library, forms: dict[str, Form], database: Database) -> Callable[..., Tools]:
    """Makes Tools over the test's database; what is given replaces the ordinary."""

    def make(**given: Any) -> Tools:
        values: dict[str, Any] = {
            "library": library,
            "forms": forms,
            "wordings": load_wordings(),
            "status_of": partial(status_codes.status_of, database),
            "own_status": partial(submissions.status_of, database),
            "requests_of": partial(additions.open_requests_of, database),
            "kept": partial(kept_until, retention.load_policy()),
            "receipt_for": partial(submissions.reference_for_draft, database),
            "web_address": "https://chatt.example.com",
            "batons": BatonTools(find=partial(batons.find, database), address="https://chatt.example.com"),
            "forms_by_channel": {"telegram": frozenset(f.id for f in forms.values() if "telegram" in f.channels)},
        }
        return Tools(**{**values, **given})

    return make


@pytest.fixture
def dialogue(make_tools: Callable[..., Tools], nlu_client: NluClient, database: Database) -> Dialogue:
    """The whole dialogue, with the real NLU process and the test's database."""
    return Dialogue(make_tools(understand=nlu_client.understand), database)


@pytest.fixture
def talk(dialogue: Dialogue) -> Callable[..., Response]:
    """Says one thing to the dialogue: talk("hej"), talk(choice="c:help"), talk("hej", sender="b")."""
    numbers = count(1)

    def say(text: str | None = None, *, sender: str = "resident", channel: str = "web", **turn: Any) -> Response:
        return dialogue.respond(Turn(channel, sender, f"m{next(numbers)}", text=text, **turn))

    return say
