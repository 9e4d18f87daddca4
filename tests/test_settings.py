"""Settings: what is set where, what wins, and one clear line for every value that cannot be used."""

import os
from pathlib import Path
from typing import Any

import pytest

from settings import ROOT, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may have a kontakt.toml and variables of their own."""
    for name in [name for name in os.environ if name.startswith("KONTAKT_")]:
        monkeypatch.delenv(name)
    empty = tmp_path / "empty.toml"
    empty.touch()
    monkeypatch.setenv("KONTAKT_CONFIG", str(empty))


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "kontakt.toml"


def test_everything_has_a_default() -> None:
    settings = load_settings()
    assert (settings.host, settings.ports) == ("127.0.0.1", {"web_port": 8080, "review_port": 8081})
    assert settings.var == ROOT / "var"
    assert settings.database == f"sqlite:///{ROOT / 'var' / 'kontakt.db'}"
    assert settings.keys == ROOT / "var" / "keys"
    assert settings.models == ROOT / "var" / "nlu"
    assert settings.nlu_run_file == ROOT / "var" / "run" / "nlu.json"
    assert (settings.municipality, settings.telegram_token, settings.telegram.forms) == (None, None, "default")
    assert settings.secure_cookies is False


@pytest.mark.parametrize(
    ("file", "environment", "expected"),
    [
        ("web_port = 9000", {}, {"web_port": 9000}),
        ("", {"KONTAKT_WEB_PORT": "9001"}, {"web_port": 9001}),
        ("web_port = 9000", {"KONTAKT_WEB_PORT": "9001"}, {"web_port": 9001}),
        ("host = 'a'\nweb_port = 9", {"KONTAKT_HOST": "b"}, {"host": "b", "web_port": 9}),
        ("var = '/srv/k'", {}, {"database": "sqlite:////srv/k/kontakt.db", "keys": Path("/srv/k/keys")}),
        ("database_url = 'postgresql:///kontakt'", {}, {"database": "postgresql:///kontakt"}),
        ("", {"KONTAKT_SECURE_COOKIES": "true"}, {"secure_cookies": True}),
        ("", {}, {"baton_days": 14}),
        ("baton_days = 30", {}, {"baton_days": 30}),
        ("web_port = 9000", {}, {"chat_address": "http://127.0.0.1:9000"}),
        ("", {"KONTAKT_WEB_ADDRESS": "https://chatt.example.com/"}, {"chat_address": "https://chatt.example.com"}),
        ("", {"KONTAKT_TELEGRAM_TOKEN": "1:abc"}, {"telegram_token": "1:abc"}),
    ],
)
def test_environment_over_file_over_default(
    toml: Path, monkeypatch: pytest.MonkeyPatch, file: str, environment: dict[str, str], expected: dict[str, Any]
) -> None:
    toml.write_text(file, encoding="utf-8")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(toml)
    assert {name: getattr(settings, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("file", "environment", "forms", "base_url"),
    [
        ("", {}, "default", "https://api.telegram.org/bot"),
        ("[telegram]\nforms = 'none'", {}, "none", "https://api.telegram.org/bot"),
        ("[telegram]\nforms = ['kontakta_mig']", {}, ("kontakta_mig",), "https://api.telegram.org/bot"),
        ("", {"KONTAKT_TELEGRAM__FORMS": "all"}, "all", "https://api.telegram.org/bot"),
        ("", {"KONTAKT_TELEGRAM__FORMS": '["a", "b"]'}, ("a", "b"), "https://api.telegram.org/bot"),
        ("[telegram]\nforms = 'none'", {"KONTAKT_TELEGRAM__BASE_URL": "http://x/bot"}, "none", "http://x/bot"),
    ],
)
def test_nested_settings_are_put_together(
    toml: Path, monkeypatch: pytest.MonkeyPatch, file: str, environment: dict[str, str], forms: Any, base_url: str
) -> None:
    toml.write_text(file, encoding="utf-8")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    telegram = load_settings(toml).telegram
    assert (telegram.forms, telegram.base_url) == (forms, base_url)


def test_a_variable_can_name_another_file(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml.write_text("web_port = 9003", encoding="utf-8")
    monkeypatch.setenv("KONTAKT_CONFIG", str(toml))
    assert load_settings().web_port == 9003


BAD_FILES = [
    (b"web_port = ", "not valid TOML"),
    (b"web_port = 1\nweb_port = 2", "not valid TOML"),
    (b"municipality = '\xff'", "not UTF-8"),
    (b"web_prt = 9000", "setting web_prt: there is no such setting"),
    (b"web_port = 'nine'", "setting web_port: "),
    (b"web_port = 0", "setting web_port: "),
    (b"web_port = 65536", "setting web_port: "),
    (b"web_port = 9000.5", "setting web_port: "),
    (b"host = ''", "setting host: "),
    (b"municipality = 4", "setting municipality: "),
    (b"secure_cookies = 'perhaps'", "setting secure_cookies: "),
    (b"nlu_timeout = 0", "setting nlu_timeout: "),
    (b"nlu_timeout = nan", "setting nlu_timeout: "),
    (b"telegram = 3", "setting telegram: "),
    (b"[telegram]\nforms = 'some'", "setting telegram.forms: "),
    (b"[telegram]\nforms = [1]", "setting telegram.forms: "),
    (b"[telegram]\nform = 'none'", "setting telegram.form: there is no such setting"),
]


@pytest.mark.parametrize(("content", "problem"), BAD_FILES)
def test_a_bad_file_is_told_in_one_line_that_names_it(toml: Path, content: bytes, problem: str) -> None:
    toml.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        load_settings(toml)
    assert problem in str(raised.value)
    assert str(toml) in str(raised.value)
    assert "\n" not in str(raised.value)


BAD_VARIABLES = [
    ("KONTAKT_WEB_PORT", "nine"),
    ("KONTAKT_WEB_PORT", ""),
    ("KONTAKT_REVIEW_PORT", "-1"),
    ("KONTAKT_HOST", ""),
    ("KONTAKT_SECURE_COOKIES", "perhaps"),
    ("KONTAKT_NLU_TIMEOUT", "31"),
    ("KONTAKT_TELEGRAM__FORMS", "[1]"),
]


@pytest.mark.parametrize(("name", "value"), BAD_VARIABLES)
def test_a_bad_variable_is_told_in_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", ["none", "[", '{"forms": "none"'])
def test_a_variable_that_must_be_json_and_is_not(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("KONTAKT_TELEGRAM", value)
    with pytest.raises(SettingsError, match=r'"telegram".*must be JSON'):
        load_settings()


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_named_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_settings(tmp_path / name)
    monkeypatch.setenv("KONTAKT_CONFIG", str(tmp_path / name))
    with pytest.raises(SettingsError, match="no such file"):
        load_settings()


def test_secrets_are_not_shown(toml: Path) -> None:
    """Neither when settings are printed, nor in the line about a value that cannot be used."""
    toml.write_text("telegram_token = '1:hemlig'\ndatabase_url = 'postgresql://k:hemlig@db/k'", encoding="utf-8")
    assert "hemlig" not in repr(load_settings(toml))
    toml.write_text("telegram_token = ['1:hemlig']", encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load_settings(toml)
    assert "hemlig" not in str(raised.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().web_port = 1
