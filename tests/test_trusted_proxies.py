"""Whose word is taken for a visitor's address: nobody's by default, a named proxy's for the one it speaks for."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from http_people import Person
from running_kontakt import RunningKontakt

from settings import SettingsError, load_settings

MOST = 60
"""Messages a minute from somebody without a conversation, by address."""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> Iterator[Callable[..., RunningKontakt]]:
    started = []

    def one(**environment: str) -> RunningKontakt:
        var = tmp_path_factory.mktemp("proxies") / "var"
        var.mkdir(mode=0o700)
        (var / "kontakt.toml").touch()
        started.append(RunningKontakt(var, nlu_model, KONTAKT_CONFIG=str(var / "kontakt.toml"), **environment))
        started[-1].wait_until_up()
        return started[-1]

    yield one
    for running in started:
        running.stop(signal.SIGKILL)


def tries(kontakt: RunningKontakt, address: str) -> list[int]:
    """The answers to one more post without a cookie than one address may send; `address` may count them: {n}."""
    strangers = [Person(kontakt.web, address.format(n=n)) for n in range(MOST + 1)]
    return [stranger.ask("/turn", b"{}", Content_Type="application/json") for stranger in strangers]


def test_nobody_is_believed_by_default(start: Callable[..., RunningKontakt]) -> None:
    assert tries(start(), "10.9.8.{n}") == [403] * MOST + [429]


def test_a_named_proxy_is_believed_about_the_one_it_speaks_for(start: Callable[..., RunningKontakt]) -> None:
    """What the visitor has put to the left of it is not."""
    kontakt = start(KONTAKT_TRUSTED_PROXIES='["127.0.0.0/8", "10.1.0.5"]')
    assert tries(kontakt, "10.9.8.{n}") == [403] * (MOST + 1)
    assert tries(kontakt, "10.6.6.{n}, 10.7.7.7, 10.1.0.5") == [403] * MOST + [429]


def test_another_than_the_named_proxy_is_not_believed(start: Callable[..., RunningKontakt]) -> None:
    kontakt = start(KONTAKT_TRUSTED_PROXIES='["10.1.0.5"]')
    assert tries(kontakt, "10.9.8.{n}") == [403] * MOST + [429]


@pytest.mark.parametrize("value", ['["*"]', '["proxy.example.com"]', '["10.0.0.0/40"]', "10.0.0.5"])
def test_what_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    (tmp_path / "kontakt.toml").touch()
    monkeypatch.setenv("KONTAKT_TRUSTED_PROXIES", value)
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path / "kontakt.toml")
    assert "TRUSTED_PROXIES" in str(error.value).upper()
    assert "\n" not in str(error.value)
