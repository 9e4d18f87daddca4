"""One life of a real `kontakt serve` for the canaries: started, talked to, and looked through from outside.

What is typed there is up to the tests; here is how people reach it, and where everything is looked for.
"""

import base64
import ctypes
import json
import os
import re
import resource
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from canaries import Asked, Canaries, Walker, code_spellings, spellings
from fake_telegram import FakeTelegram
from handing_over import links_in
from http_people import PASSWORD, Resident, Staff
from processes import processes_of
from running_kontakt import RunningKontakt

from forms.form import Form

TOKEN = "654321:KANARIE-token-som-ingen-far-se"
ADDRESS = "https://chatt.example.com"
_CREATED, _MOVED_TO = 0x100, 0x80


@dataclass
class Life:
    """What one life of the service was given, and what was seen of it."""

    start: Callable[..., RunningKontakt]
    """Starts it again, with more in its environment."""
    kontakt: RunningKontakt
    fake: FakeTelegram
    canaries: Canaries
    walker: Walker
    places: list[Path]
    """Where something may be left, beside `var`: directories and files."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Name -> a token, a key or a password."""
    codes: dict[str, str] = field(default_factory=dict)
    """Name -> six digits."""
    references: list[str] = field(default_factory=list)
    seen: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """Moment -> file or process -> the canaries in it."""
    secret_places: dict[str, set[str]] = field(default_factory=dict)
    looked_at: dict[str, int] = field(default_factory=dict)
    """Moment -> how many files."""
    heard: list[str] = field(default_factory=list)
    printed_by_commands: str = ""
    scrubbed_after: dict[str, float] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    core_limits: set[str] = field(default_factory=set)
    statuses: dict[str, int] = field(default_factory=dict)
    files_made: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(2, 100_000)))
    _known: dict[tuple[int, ...], tuple[set[str], set[str]]] = field(default_factory=dict)

    @property
    def var(self) -> Path:
        return self.kontakt.var

    def resident(self, municipality: str = "vingaker") -> Resident:
        """Each with an address of their own: so many do not come from one."""
        number = next(self._numbers)
        return Resident(self.kontakt.web, f"?kommun={municipality}", f"10.9.{number // 250}.{number % 250}")

    def municipality_of(self, form: Form) -> str:
        """One in which the form can be filled in."""
        for place in ("vingaker", "sala", "kramfors", "gotene", "annan"):
            draft = self.resident(place).say(choice=f"f:{form.id}")["draft"]
            if draft and draft["form_id"] == form.id:
                return place
        raise AssertionError(f"{form.id} can be filled in nowhere")

    def look(self, moment: str) -> None:
        """Everything there is just now: files, open files without a name, command lines, environments."""
        files = [path for place in (self.var, *self.places) for path in (place, *place.rglob("*")) if path.is_file()]
        for pid in processes_of(self.var):
            own = Path(f"/proc/{pid}")
            files += [own / "cmdline", own / "environ"]
            files += [path for path in (own / "fd").iterdir() if _is_file(path) and "/nlu/" not in str(path.resolve())]
            limit = re.search(r"Max core file size\s+(\S+)", (own / "limits").read_text())
            self.core_limits.add(limit[1] if limit else "unknown")
        self.seen[moment] = {}
        self.looked_at[moment] = 0
        for path, state, content in _contents(files, self._known):
            self.looked_at[moment] += 1
            hits, secrets = self._known[state] if content is None else self._found_in(content)
            if "/proc/" not in path and not path.endswith("-shm"):
                self._known[state] = hits, secrets
            if hits:
                self.seen[moment][path] = hits
            for name in secrets:
                self.secret_places.setdefault(name, set()).add(path)

    def _found_in(self, content: bytes) -> tuple[set[str], set[str]]:
        """The canaries that stand in it, and the names of the secrets."""
        needles = {name: spellings(secret) for name, secret in self.secrets.items()}
        needles |= {name: code_spellings(code) for name, code in self.codes.items()}
        found = {name for name, written in needles.items() if any(needle in content for needle in written)}
        return self.canaries.found_in(content), found

    def command(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """A command; what it says on standard error is kept."""
        done = self.kontakt.run(*arguments, stdin=stdin)
        self.printed_by_commands += done.stderr
        return done


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _contents(
    paths: Iterable[Path], known: Mapping[tuple[int, ...], object]
) -> Iterator[tuple[str, tuple[int, ...], bytes | None]]:
    """Path, state and content, each file once; None for the content of one that is as it was.

    The NLU's model is left out, and what goes meanwhile is let go.
    """
    seen = set()
    for path in paths:
        try:
            found = path.stat()
            state = (found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns)
            if path.suffix in (".gz", ".npz") or state[:2] in seen:
                continue
            seen.add(state[:2])
            yield str(path), state, None if state in known else path.read_bytes()
        except OSError:
            continue


@contextmanager
def files_made_in(directory: Path) -> Iterator[set[str]]:
    """The names of all that comes into a directory while the block lasts, however soon it is gone (Linux: inotify)."""
    kernel, made = ctypes.CDLL(None), set[str]()
    events: int = kernel.inotify_init1(os.O_NONBLOCK)
    assert kernel.inotify_add_watch(events, os.fsencode(directory), _CREATED | _MOVED_TO) >= 0
    try:
        yield made
    finally:
        with suppress(BlockingIOError):
            while content := os.read(events, 65536):
                while content:
                    length = struct.unpack_from("iIII", content)[3]
                    made.add(os.fsdecode(content[16 : 16 + length].rstrip(b"\0")))
                    content = content[16 + length :]
        os.close(events)


# -- how the two channels show a form -------------------------------------------------------------------------------


def on_web(resident: Resident) -> tuple[Callable[[str], Asked], Callable[[str], Asked]]:
    def show(answer: Mapping[str, Any]) -> Asked:
        buttons = {choice["id"]: choice["label"] for reply in answer["replies"] for choice in reply["choices"]}
        sent, draft = answer["submission"], answer["draft"] or {}
        said = "\n".join(reply["text"] for reply in answer["replies"])
        return Asked(draft.get("slot"), buttons, sent["reference"] if sent else None, said)

    return (lambda text: show(resident.say(text=text))), (lambda id: show(resident.say(choice=id)))


def on_telegram(fake: FakeTelegram, chat: int, form: Form) -> tuple[Callable[[str], Asked], Callable[[str], Asked]]:
    def show(seen: int) -> Asked:
        wait_for_answer(fake, chat, seen)
        new = fake.messages[chat][seen:]
        rows = [row for message in new for row in message.get("reply_markup", {}).get("inline_keyboard", [])]
        buttons = {button["callback_data"]: button["text"] for row in rows for button in row}
        text = "\n".join(message["text"] for message in new)
        slot = next((question.slot for question in form.questions if question.text["sv"] in text), None)
        reference = re.search(r"Din referens är ([0-9A-Z]{8})", text)
        return Asked(slot, buttons, reference[1] if reference else None, text)

    def say(text: str) -> Asked:
        seen = len(fake.messages[chat])
        fake.say(chat, text)
        return show(seen)

    def tap(id: str) -> Asked:
        seen = len(fake.messages[chat])
        fake.tap_id(chat, id)
        return show(seen)

    return say, tap


def wait_for_answer(fake: FakeTelegram, chat: int, seen: int, seconds: float = 120) -> None:
    """Until there is a message with buttons, and no more has come for a moment."""
    deadline = time.monotonic() + seconds
    while not any("reply_markup" in message for message in list(fake.messages[chat])[seen:]):
        assert time.monotonic() < deadline, fake.texts(chat)[seen:]
        time.sleep(0.02)
    now = 0
    while now != len(fake.messages[chat]):
        now = len(fake.messages[chat])
        time.sleep(0.15)


# -- what people do -------------------------------------------------------------------------------------------------


def staff_of(life: Life) -> Staff:
    """Somebody signed in; the account is made the first time."""
    staff = Staff(life.kontakt.review, "10.1.1.1")
    if "account" not in life.statuses:
        staff.make_account(life.kontakt.invitation(), "karin", "Karin Testberg")
        life.statuses["account"] = 303
    assert staff.sign_in() == 303
    return staff


AT_WORK = {"vem_fyller_i": "yrkesperson", "arende": "hjalpa_familjen"}
AS_GUARDIAN = {"vem_fyller_i": "vardnadshavare"}
POSTED = "application/x-www-form-urlencoded"


def filled_at_work(life: Life, form: Form, resident: Resident) -> Asked:
    """A form as somebody at work fills it in, up to its summary; one answer is left for the family."""
    walker = replace(life.walker, chosen={**AT_WORK, "behov_egna_ord": None})
    return walker.fill(form, 0, *on_web(resident), send=False)


def handed_over(life: Life, form: Form, resident: Resident, guardians: int) -> list[tuple[str, str]]:
    """The links and codes of a form that is filled in at work and handed over; they are secrets from now on."""
    _, tap = on_web(resident)
    asked = tap(filled_at_work(life, form, resident).button("Lämna över till vårdnadshavare"))
    links = links_in(tap(asked.button(("En vårdnadshavare", "Två vårdnadshavare")[guardians - 1])).said)
    remember_links(life, links)
    assert len(links) == guardians
    return links


def remember_links(life: Life, links: Iterable[tuple[str, str]]) -> None:
    """Links and their codes are looked for."""
    for token, code in links:
        number = sum(name.startswith("link") for name in life.secrets)
        life.secrets[f"link {number}"], life.codes[f"code of link {number}"] = token, code


def opened(life: Life, link: tuple[str, str]) -> tuple[Resident, Asked]:
    """A guardian in a browser of their own, after the link, a wrong code, the right one, and their name."""
    guardian, (token, code) = life.resident(), link
    assert guardian.ask(f"/overlamning/{token}") == 200
    wrong = urlencode({"code": life.canaries.word("a wrong code")}).encode()
    assert guardian.ask(f"/overlamning/{token}", wrong, Content_Type=POSTED) == 422
    body = urlencode({"code": f"{code[:3]} {code[3:]}"}).encode()
    assert guardian.ask(f"/overlamning/{token}", body, Content_Type=POSTED) == 200, guardian.page
    say, _ = on_web(guardian)
    return guardian, say(life.canaries.word("the guardian's name"))


def sent_with_code(life: Life, asked: Asked) -> tuple[str, str]:
    """The reference and the code of what was sent in just now; the code is a secret from now on."""
    found = re.search(r"kod är (\d{3} ?\d{3})", asked.said)
    assert asked.reference and found, asked
    code = found[1].replace(" ", "")
    life.references.append(asked.reference)
    life.codes[f"code of {asked.reference}"] = code
    return asked.reference, code


# -- its beginning and its end --------------------------------------------------------------------------------------


@contextmanager
def begun(place: Path, nlu_model: Path, **given: str) -> Iterator[Life]:
    """A service over a new `var` in `place`, its log at its most talkative; nothing of it runs afterwards."""
    var, temporary = place / "var", place / "temporary"
    var.mkdir(mode=0o700)
    temporary.mkdir()
    (var / "kontakt.toml").touch()
    fake, canaries = FakeTelegram(), Canaries()
    started: list[RunningKontakt] = []

    def start(**more: str) -> RunningKontakt:
        environment = {
            "KONTAKT_CONFIG": str(var / "kontakt.toml"),
            "KONTAKT_LOG_LEVEL": "debug",
            "KONTAKT_TELEGRAM_TOKEN": TOKEN,
            "KONTAKT_TELEGRAM__BASE_URL": fake.base_url,
            "KONTAKT_TELEGRAM__FORMS": '"all"',
            "KONTAKT_TRUSTED_PROXIES": '["127.0.0.1"]',
            "KONTAKT_WEB_ADDRESS": ADDRESS,
            "TMPDIR": str(temporary),
            "XDG_CACHE_HOME": str(temporary / "cache"),
        }
        started.append(RunningKontakt(var, nlu_model, **{**environment, **given, **more}))
        started[-1].wait_until_up()
        return started[-1]

    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        life = Life(start, start(), fake, canaries, Walker(canaries), [temporary])
        life.kontakt.wait_until_free_text()
        keep_secrets(life)
        yield life
    finally:
        for one in started:
            one.stop(signal.SIGKILL)
        fake.close()
        resource.setrlimit(resource.RLIMIT_CORE, limits)


def keep_secrets(life: Life) -> None:
    """Learn the keys and tokens that are made for the installation, to look for them; again when there are more."""
    run = json.loads((life.var / "run" / "nlu.json").read_bytes())
    life.secrets |= {"bot token": TOKEN.split(":")[1], "NLU token": run["token"], "password": PASSWORD}
    for path in (life.var / "keys").glob("*.key*"):
        for line in path.read_text().split("\n")[:-1]:
            key = line.split()[-1]
            assert len(base64.b64decode(key)) == 32
            number = sum(name.startswith(path.name) for name in life.secrets)
            if key not in life.secrets.values():
                life.secrets[f"{path.name} {number}"] = key
