"""One frozen Settings, from the environment and `kontakt.toml`. Only kontakt.py reads it.

Environment variables win over the file. Each is named KONTAKT_ and the field, as KONTAKT_WEB_PORT; a nested one with
two underscores, as KONTAKT_TELEGRAM__FORMS. The file is `kontakt.toml` beside the program, which need not be there, or
the one that KONTAKT_CONFIG names, which must.
"""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import SettingsError as UnreadableVariableError

ROOT = Path(__file__).parent
_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_NAME}(?:\.{_NAME})*")
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def _mail_address(text: str) -> str:
    if len(text) > 254 or not _ADDRESS.fullmatch(text):
        raise ValueError("an address must look like name@example.com, without å, ä and ö")
    return text


MailAddress = Annotated[str, AfterValidator(_mail_address)]
MailAddresses = Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=50)]


class SettingsError(Exception):
    """Settings that cannot be used; one line that names the file or variable and what is wrong."""


class TelegramSettings(BaseModel):
    """How the bot works in Telegram."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forms: Literal["default", "none", "all"] | tuple[str, ...] = "default"
    """The forms that may be filled in inside Telegram. default: those whose definition names telegram as a channel."""
    base_url: str = "https://api.telegram.org/bot"
    """The Bot API server; another one for tests or for a server of one's own."""
    webhook_url: str | None = Field(default=None, pattern=r"^https://\S+$")
    """Where Telegram posts updates, as the world reaches it; None: they are fetched by long polling."""


class NoticeSettings(BaseModel):
    """Whom the mail server tells that something new has come in. Nobody, where no mail server is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.:_-]{1,253}$")
    port: int | None = Field(default=None, ge=1, le=65535)
    """None: the usual one of `security`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """none: in the clear; only for a mail server on this machine."""
    ca_file: Path | None = None
    """Whose certificates are believed; None: those that this machine trusts."""
    username: str | None = Field(default=None, min_length=1)
    password: str | None = Field(default=None, min_length=1, repr=False)
    password_file: Path | None = None
    """A file that only its owner can read, with the password in its first line; instead of `password`."""
    sender: MailAddress | None = None
    recipients: MailAddresses | None = None
    municipalities: Mapping[str, MailAddresses] = {}
    """Municipality id -> who is told of what comes in there, instead of `recipients`."""
    review_address: str | None = Field(default=None, pattern=r"^https?://[^\s<>\"]+$")
    """Where staff reach the review pages, for the mail."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.host is None:
            return self
        if self.sender is None or self.recipients is None:
            raise ValueError("with a host, sender and recipients must be set")
        if self.security == "none" and not _is_this_machine(self.host):
            raise ValueError("security none is only for a mail server on this machine, such as localhost")
        given = [one for one in (self.password, self.password_file) if one is not None]
        if len(given) != (self.username is not None):
            raise ValueError("username goes with one of password and password_file")
        return self

    @property
    def usual_port(self) -> int:
        """The port that is set, or the one that goes with `security`."""
        return self.port or _PORTS[self.security]

    @property
    def login(self) -> tuple[str, str] | None:
        """User name and password. Raises SettingsError for a file that is missing or open to others."""
        if self.username is None or self.password is not None:
            return None if self.username is None else (self.username, self.password or "")
        path = self.password_file
        assert path is not None
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise SettingsError(f"{path} can be read by others: chmod 600 {path}")
            words = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise SettingsError(f"setting notices.password_file: {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"setting notices.password_file: {path}: not UTF-8 text") from None
        if not words or not words[0]:
            raise SettingsError(f"setting notices.password_file: {path} is empty")
        return self.username, words[0]


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Settings(BaseSettings):
    """Everything that can be set; all have a working default."""

    model_config = SettingsConfigDict(env_prefix="KONTAKT_", env_nested_delimiter="__", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", min_length=1)
    web_port: int = Field(8080, ge=1, le=65535)
    review_port: int = Field(8081, ge=1, le=65535)
    web_address: str | None = None
    """The web chat's public address, for links from Telegram. None: the local address."""
    secure_cookies: bool = False
    """Set when both sites are served over https."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Addresses and networks of our own reverse proxies, which are believed when they say who the visitor is."""
    municipality: str | None = None
    """The municipality of residents who have not named another."""
    var: Path = ROOT / "var"
    """Database, keys and model: all that is made when the program runs."""
    database_url: str | None = Field(None, repr=False)
    """None: SQLite in `var`."""
    encryption_keys: str | None = Field(None, repr=False)
    """The keys that would be in files under `var`, instead of them; all three or none."""
    lookup_key: str | None = Field(None, repr=False)
    session_key: str | None = Field(None, repr=False)
    backup_key: str | None = Field(None, repr=False)
    """The day and key that backups are made and opened with, instead of the file under `var`."""
    telegram_token: str | None = Field(None, repr=False)
    telegram: TelegramSettings = TelegramSettings()
    notices: NoticeSettings = NoticeSettings()
    retention: Path | None = None
    """The municipality's decision on how long things are kept; None: our proposal, storage/retention.yml."""
    baton_days: int = Field(14, ge=1, le=60)
    """How long a guardian's link to a form that was handed over works."""
    impact_assessment: str | None = Field(None, max_length=100, pattern=r"^\S(.*\S)?$")
    """Where the municipality's own impact assessment is found, such as "KS 2026/123, 2026-10-01"."""
    nlu_timeout: float = Field(2.0, gt=0, le=30)
    """Seconds to wait for the NLU process before going on without it."""
    log_level: Literal["info", "debug"] = "info"
    """debug: everything that libraries log, reduced to places and patterns."""

    @property
    def ports(self) -> dict[str, int]:
        """Setting name -> port, in the order: web chat, review pages."""
        return {"web_port": self.web_port, "review_port": self.review_port}

    @property
    def is_public(self) -> bool:
        """Whether the web chat has an address that residents reach it at from elsewhere."""
        return (self.web_address or "").lower().startswith("https://")

    @property
    def chat_address(self) -> str:
        """Where residents reach the web chat, without a slash at the end."""
        return (self.web_address or f"http://{self.host}:{self.web_port}").rstrip("/")

    @property
    def keys(self) -> Path:
        """The directory of the key files."""
        return self.var / "keys"

    @property
    def key_texts(self) -> tuple[str, str, str] | None:
        """The keys that are given as settings; None when they are in files. Raises SettingsError for some of three."""
        given = {name: getattr(self, name) for name in ("encryption_keys", "lookup_key", "session_key")}
        if not any(given.values()):
            return None
        if missing := [f"KONTAKT_{name.upper()}" for name, value in given.items() if not value]:
            raise SettingsError(f"keys are given as settings, but {', '.join(missing)} is missing")
        return given["encryption_keys"], given["lookup_key"], given["session_key"]

    @property
    def database(self) -> str:
        """The database's SQLAlchemy address."""
        return self.database_url or f"sqlite:///{self.var / 'kontakt.db'}"

    @property
    def retention_policy(self) -> Path:
        """The file that says how long things are kept."""
        return self.retention or ROOT / "storage" / "retention.yml"

    @property
    def tombstones(self) -> Path:
        """Fingerprints of what has been purged, kept outside the database."""
        return self.var / "tombstones"

    @property
    def audit_anchors(self) -> Path:
        """Where the audit trail ended each day, kept outside the database."""
        return self.var / "audit_anchors"

    @property
    def models(self) -> Path:
        """Where trained models are kept."""
        return self.var / "nlu"

    @property
    def nlu_run_file(self) -> Path:
        """Where the running NLU process says how to reach it."""
        return self.var / "run" / "nlu.json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First what the caller gives, then the environment, then `kontakt.toml`."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(file: Path | None = None, **given: Any) -> Settings:
    """Settings from `file` (see the module's own text for the usual one) and the environment.

    Raises SettingsError, one line, for a file that cannot be read or a value that cannot be used.
    """
    named = file or os.environ.get("KONTAKT_CONFIG")
    path = Path(named) if named else ROOT / "kontakt.toml"
    if (named or path.exists()) and not path.is_file():
        raise SettingsError(f"{path}: no such file")

    class FromFile(Settings):
        model_config = SettingsConfigDict(**{**Settings.model_config, "toml_file": path})

    try:
        return FromFile(**given)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8 text") from None
    except UnreadableVariableError as error:
        raise SettingsError(f"{error}: it must be JSON") from None
    except ValidationError as error:
        raise SettingsError(_in_one_line(error, path)) from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None


def _in_one_line(error: ValidationError, path: Path) -> str:
    """The first problem: the setting's name and what is wrong, never its value, which may be a secret."""
    first = error.errors(include_input=False)[0]
    names = list(takewhile(str.isidentifier, map(str, first["loc"])))
    said = first["msg"].removeprefix("Value error, ")
    problem = "there is no such setting" if first["type"] == "extra_forbidden" else said
    return f"setting {'.'.join(names)}: {problem} ({path} or KONTAKT_{'__'.join(names).upper()})"
