"""Asks the NLU process what a message means.

`understand` either returns a checked Understanding within the timeout or raises
NluUnavailableError; nothing else comes out of it, whatever the process answers. After several
failures in a row it stays off for a while, so that nobody waits for a process that is down. Starting
the process is left to `process`, deciding what to do with the intent to the dialogue.
"""

import json
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

LONGEST = 1000
"""Characters of a message that are sent; of a longer one its beginning and, above all, its end."""
_BEGINNING = 300
_SPLIT = " … "
_ANSWER_LIMIT = 256 * 1024
_FAILURES = 5
_REST_SECONDS = 30.0
_UNSENDABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


class NluUnavailableError(Exception):
    """The NLU process is down, too slow or answers nonsense. Never holds the text that was asked about."""


@dataclass(frozen=True)
class Entity:
    """A name found in the text: a service, municipality, role or language.

    `start` and `end` count characters of the text as `clean` leaves it; `end` is not included.
    """

    name: str
    value: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Understanding:
    """What a message means: the intent, how sure (0 to 1), the five likeliest intents, the entities in order."""

    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    entities: tuple[Entity, ...]

    def values(self, name: str) -> tuple[str, ...]:
        """The values of one entity in the order of the text."""
        return tuple(entity.value for entity in self.entities if entity.name == name)


class NluClient:
    """A client with one pool of connections; to be shared by all threads."""

    def __init__(self, run_file: Path, timeout: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`run_file` is written by the NLU process (port and token); `timeout` in seconds is for a whole answer."""
        self._run_file = run_file
        self._timeout = timeout
        self._clock = clock
        self._http = httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False)
        self._lock = threading.Lock()
        self._failures = 0
        self._off_until = float("-inf")

    def understand(self, text: str) -> Understanding:
        """What the text means. Raises NluUnavailableError, and nothing else."""
        self._check_breaker()
        try:
            answer = self._ask("POST", "/parse", {"text": clean(text)})
            understanding = _read_understanding(answer)
        except NluUnavailableError:
            self._count_failure()
            raise
        with self._lock:
            self._failures = 0
        return understanding

    def ready(self) -> bool:
        """Whether the process answers now. Asks even while the breaker is open; an answer closes it."""
        try:
            answer = self._ask("GET", "/healthz", None)
        except NluUnavailableError:
            return False
        if answer != {"status": "ok"}:
            return False
        with self._lock:
            self._failures, self._off_until = 0, float("-inf")
        return True

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _check_breaker(self) -> None:
        with self._lock:
            if self._clock() < self._off_until:
                raise NluUnavailableError("the NLU process failed several times in a row and is left alone for a while")

    def _count_failure(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= _FAILURES:
                # One try after the rest decides: the count stays one short of the limit.
                self._failures = _FAILURES - 1
                self._off_until = self._clock() + _REST_SECONDS

    def _ask(self, method: str, path: str, content: Mapping[str, str] | None) -> object:
        """One request, answered as JSON within the timeout and the size limit."""
        port, token = _read_run_file(self._run_file)
        url = f"http://127.0.0.1:{port}{path}"
        deadline = time.monotonic() + self._timeout
        request = self._http.build_request(method, url, json=content, headers={"Authorization": f"Bearer {token}"})
        try:
            try:
                body = self._body(request, deadline)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                # A kept connection that the process was just closing; asking twice does no harm.
                body = self._body(request, deadline)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise NluUnavailableError(f"the NLU process cannot be asked ({type(error).__name__})") from None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise NluUnavailableError("the NLU process answered with something that is not JSON") from None

    def _body(self, request: httpx.Request, deadline: float) -> bytearray:
        """What is answered to one request. Raises NluUnavailableError, and httpx's errors."""
        body = bytearray()
        response = self._http.send(request, stream=True)
        try:
            if response.status_code != 200:
                raise NluUnavailableError(f"the NLU process answered with status {response.status_code}")
            for part in response.iter_raw():
                body += part
                if len(body) > _ANSWER_LIMIT:
                    raise NluUnavailableError("the NLU process answered with too much")
                if time.monotonic() > deadline:
                    raise NluUnavailableError("the NLU process answers too slowly")
        finally:
            response.close()
        return body


def clean(text: str) -> str:
    """The text as it is sent: NFC, without controls, surrogates and bidi marks, at most LONGEST characters."""
    if len(text) > 40 * LONGEST:
        text = text[: 2 * LONGEST] + text[-18 * LONGEST :]
    text = " ".join(unicodedata.normalize("NFC", _UNSENDABLE.sub("", text)).split())
    if len(text) > LONGEST:
        text = text[:_BEGINNING] + _SPLIT + text[-(LONGEST - _BEGINNING - len(_SPLIT)) :]
    return text


def _read_run_file(path: Path) -> tuple[int, str]:
    try:
        content = json.loads(path.read_bytes())
        port, token = content["port"], content["token"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise NluUnavailableError("the NLU process is not running") from None
    sendable = isinstance(token, str) and re.fullmatch(r"[\w-]+", token, re.ASCII)
    if type(port) is not int or not 0 < port < 65536 or not sendable:
        raise NluUnavailableError("the NLU process is not running")
    return port, token


def _read_understanding(answer: object) -> Understanding:
    """The answer as an Understanding, every part of it checked."""
    try:
        if not isinstance(answer, dict):
            raise TypeError
        intent, confidence = _read_candidate(answer["intent"])
        ranking = tuple(_read_candidate(candidate) for candidate in _read_list(answer["ranking"], 100))
        entities = tuple(_read_entity(entity) for entity in _read_list(answer["entities"], 500))
    except (KeyError, TypeError, ValueError):
        raise NluUnavailableError("the NLU process answered in an unknown form") from None
    return Understanding(intent, confidence, ranking, entities)


def _read_list(value: object, longest: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > longest:
        raise TypeError
    return value


def _read_candidate(value: Any) -> tuple[str, float]:
    name, confidence = value["name"], value["confidence"]
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        raise ValueError
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0.0 <= confidence <= 1.0:
        raise ValueError
    return name, float(confidence)


def _read_entity(value: Any) -> Entity:
    entity = Entity(value["name"], value["value"], value["text"], value["start"], value["end"])
    if not all(isinstance(part, str) for part in (entity.name, entity.value, entity.text)):
        raise ValueError
    if type(entity.start) is not int or type(entity.end) is not int:
        raise ValueError
    if not 0 <= entity.start <= entity.end <= LONGEST:
        raise ValueError
    return entity
