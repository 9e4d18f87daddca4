"""Looks for keys, passwords and tokens in what git tracks, through detect-secrets, and believes it only after a trial.

Nothing is asked over a network. In the same breath detect-secrets gets a file with made-up secrets: a scan that does
not find each of them has not looked. `secrets.yml` is what is not read, and what looks like a secret and is none.
"""

import base64
import fnmatch
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

LIST = Path(__file__).with_name("secrets.yml")
_SECONDS = 600
_DIGEST = hashlib.sha512(b"made up to be found").digest()
_LETTERS, _HEX = base64.b64encode(_DIGEST).decode().rstrip("="), _DIGEST.hex()
_WORD = "".join(character for character in _LETTERS if character.isalnum())

PLANTED = (
    ("Telegram Bot Token", f"8012345678:AA{_WORD[:33]}"),
    ("Private Key", "-----BEGIN " + "PRIVATE KEY-----"),
    ("Secret Keyword", f"password = '{_WORD[:16]}'"),
    ("Basic Auth Credentials", f"postgresql://kontakt:{_WORD[:12]}@db/kontakt"),
    ("Base64 High Entropy String", f"made = '{_LETTERS}'"),
    ("Hex High Entropy String", f"made = '{_HEX}'"),
)
"""What must be found in every run: detect-secrets' name for the kind, and a line. Made here, never written down."""


class SecretScanError(Exception):
    """The scan did not take place, or its list says too little."""


@dataclass(frozen=True)
class Harmless:
    """Something that looks like a secret: file, detect-secrets' name for the kind, part of the line, reason."""

    file: str
    kind: str
    text: str
    why: str


@dataclass(frozen=True)
class Known:
    """`not_read`: pattern of file names -> why."""

    not_read: dict[str, str]
    harmless: tuple[Harmless, ...]


@dataclass(frozen=True)
class Found:
    """One finding: file, line (from 1) and kind. What was found is not in it, so that it gets into no log."""

    file: str
    line: int
    kind: str


def load_known(path: Path = LIST) -> Known:
    """Reads the list. Raises SecretScanError when an entry lacks something, its reason above all."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        known = Known(dict(data["not_read"]), tuple(Harmless(**entry) for entry in data["harmless"]))
        said = [*known.not_read.values(), *(value for entry in known.harmless for value in vars(entry).values())]
        empty = [value for value in said if not value.strip()]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SecretScanError(f"{path.name}: an entry says too little or too much ({type(error).__name__})") from None
    if empty:
        raise SecretScanError(f"{path.name}: an entry has an empty text")
    return known


def tracked(root: Path) -> list[str]:
    """The files that git tracks and that are there. Raises SecretScanError when git cannot tell."""
    try:
        listed = subprocess.run(  # noqa: S603  git, our own arguments
            [shutil.which("git") or "git", "ls-files", "-z"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SecretScanError(f"git did not say which files it tracks ({type(error).__name__})") from None
    return [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]


def scan(program: Path, root: Path, files: Iterable[str], known: Known) -> list[str]:
    """What is wrong, one line each: findings that nobody explained, and explanations that fit nothing any more.

    Raises SecretScanError when `program` (detect-secrets) cannot be run or misses one of PLANTED.
    """
    read = [name for name in files if not any(fnmatch.fnmatch(name, pattern) for pattern in known.not_read)]
    if not read:
        raise SecretScanError("there is nothing to read")
    _try_out(program)
    left, problems = set(known.harmless), []
    for found in _ask(program, root, read):
        line = (root / found.file).read_text(encoding="utf-8").splitlines()[found.line - 1]
        fitting = {
            one for one in known.harmless if (one.file, one.kind) == (found.file, found.kind) and one.text in line
        }
        left -= fitting
        if not fitting:
            problems.append(f"{found.file}:{found.line}: {found.kind}")
    return problems + [
        f"stale: secrets.yml explains what is not there: {one.file}, {one.kind}"
        for one in sorted(left, key=lambda one: (one.file, one.kind))
    ]


def _try_out(program: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "planted.py").write_text("\n".join(line for _, line in PLANTED), encoding="utf-8")
        found = {(one.kind, one.line) for one in _ask(program, Path(directory), ["planted.py"])}
    missed = [kind for number, (kind, _) in enumerate(PLANTED, 1) if (kind, number) not in found]
    if missed:
        raise SecretScanError(f"detect-secrets did not find what was planted for it: {', '.join(missed)}")


def _ask(program: Path, root: Path, files: list[str]) -> list[Found]:
    command = [str(program.resolve()), "scan", "--no-verify", *files]
    try:
        run = subprocess.run(  # noqa: S603  the detect-secrets we were given, our own arguments
            command, cwd=root, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
        results = json.loads(run.stdout)["results"]
        return [
            Found(file, entry["line_number"], entry["type"]) for file, entries in results.items() for entry in entries
        ]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SecretScanError(f"detect-secrets gave no answer ({type(error).__name__})") from None
