"""Makes the NLU model when there is none for the present data, and says so while at work.

A model belongs to a fingerprint over everything that shapes it: examples, lexicon, pipeline,
components, vocabulary and locked versions. Rasa's own interpreter does the training; this module
chooses when, guards against two at once, and puts the finished model in place in one step.
"""

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nlu.process import minimal_environment

Progress = Callable[[str], None]
_SHAPING = ("config.yml", "requirements.lock", "train.py", "components/*.py", "lexicon/*.yml", "data/**/*.yml")


class TrainingError(Exception):
    """The model could not be trained; one clear line."""


def fingerprint(rasa_directory: Path, domain: Path) -> str:
    """Sixteen hexadecimal characters that change when anything that shapes the model changes."""
    digest = hashlib.sha256()
    shaping = {path for pattern in _SHAPING for path in rasa_directory.glob(pattern)}
    for name, path in sorted(
        [(str(path.relative_to(rasa_directory)), path) for path in shaping] + [("domain", domain)]
    ):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise TrainingError(f"{path.name} cannot be read: {error.strerror}") from None
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def train(rasa_directory: Path, domain: Path, model_directory: Path, progress: Progress = lambda step: None) -> Path:
    """The model for the present data, trained if it is missing; older models are removed.

    Returns `<model_directory>/model-<fingerprint>.tar.gz`, with its sha256 beside it. `progress` is called with a
    short English line per step. Raises TrainingError.
    """
    model = model_directory / f"model-{fingerprint(rasa_directory, domain)}.tar.gz"
    if _is_there(model):
        return model
    interpreter = rasa_directory / ".venv" / "bin" / "python"
    if not interpreter.exists():
        raise TrainingError(f"the NLU environment is missing: {interpreter}")
    model_directory.mkdir(parents=True, exist_ok=True)
    with _alone(model_directory / ".training"):
        if not _is_there(model):
            for left_behind in model_directory.glob(".model-*.tar.gz.*"):
                left_behind.unlink(missing_ok=True)
            _run(interpreter, rasa_directory, domain, model, progress)
    for older in model_directory.glob("model-*.tar.gz*"):
        if not older.name.startswith(model.name):
            older.unlink(missing_ok=True)
    return model


def sha256_file(model: Path) -> Path:
    """Where the checksum of a model stands."""
    return model.with_name(model.name + ".sha256")


def _run(interpreter: Path, rasa_directory: Path, domain: Path, model: Path, progress: Progress) -> None:
    draft = model.with_name(f".{model.name}.{os.getpid()}")
    log = model.parent / "training.log"
    command = [
        str(interpreter),
        "train.py",
        "--data",
        "data",
        "--config",
        "config.yml",
        "--domain",
        str(domain.resolve()),
    ]
    command += ["--out", str(draft.resolve()), "--log", str(log.resolve())]
    environment = minimal_environment() | {"KONTAKT_NLU_EMBEDDINGS": str((model.parent / "embeddings.npz").resolve())}
    try:
        with subprocess.Popen(  # noqa: S603 our own interpreter and arguments
            command,
            cwd=rasa_directory,
            env=environment,
            stdin=subprocess.PIPE,  # closes when this process ends, however it ends: then the training ends too
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            error = _follow(process, progress)
            process.wait()
        if process.returncode != 0 or not draft.exists():
            raise TrainingError(error or f"training ended with status {process.returncode}; see {log}")
        sha256_file(model).write_text(hashlib.sha256(draft.read_bytes()).hexdigest() + "\n", "ascii")
        draft.chmod(0o400)
        draft.replace(model)
    except OSError as error_:
        raise TrainingError(f"training failed: {error_.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def _follow(process: subprocess.Popen[bytes], progress: Progress) -> str | None:
    """Passes the steps on; returns the error line, if there was one."""
    error = None
    for line in process.stdout or ():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if "step" in said:
            progress(str(said["step"]))
        error = said.get("error", error)
    return error


def _is_there(model: Path) -> bool:
    return model.exists() and sha256_file(model).exists()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Waits until no other process trains into the same directory."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
