"""Starts and stops the NLU process, and knows whether one is running.

The process gets a minimal environment (no secret of ours is in it) and holds the other end of its
standard input: when this process dies, however it dies, that end closes and the NLU process leaves. What it
answers is left to `client`, making the model to `training`.
"""

import json
import os
import subprocess
import threading
import time
from collections import deque
from pathlib import Path

_STOP_SECONDS = 4.0


class NluProcessError(Exception):
    """The NLU process could not be started; one clear line."""


class NluProcess:
    """One NLU process over one model. Not to be shared between threads."""

    def __init__(self, rasa_directory: Path, model: Path, run_file: Path, log_level: str = "WARNING") -> None:
        """`model` has its sha256 beside it (`<model>.sha256`); `run_file` is where port and token will stand."""
        self._rasa_directory = rasa_directory
        self._model = model
        self._run_file = run_file
        self._log_level = log_level
        self._process: subprocess.Popen[bytes] | None = None
        self._said: deque[str] = deque(maxlen=50)
        self._listener: threading.Thread | None = None

    def start(self) -> None:
        """Starts the process and returns at once. Raises NluProcessError when it cannot be started."""
        if self._process is not None:
            raise NluProcessError("the NLU process is started already")
        interpreter = self._rasa_directory / ".venv" / "bin" / "python"
        if not interpreter.exists():
            raise NluProcessError(f"the NLU environment is missing: {interpreter}")
        try:
            expected = self._model.with_name(self._model.name + ".sha256").read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise NluProcessError(f"there is no readable {self._model.name}.sha256 beside the model") from None
        self._run_file.parent.mkdir(parents=True, exist_ok=True)
        self._run_file.unlink(missing_ok=True)
        command = [str(interpreter), "server.py", "--model", str(self._model.resolve()), "--sha256", expected]
        command += ["--run-file", str(self._run_file.resolve()), "--log-level", self._log_level]
        try:
            self._process = subprocess.Popen(  # noqa: S603 our own interpreter and arguments
                command,
                cwd=self._rasa_directory,
                env=minimal_environment() | {"OPENBLAS_NUM_THREADS": "1"},  # the embedding needs the cores more
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise NluProcessError(f"the NLU process cannot be started: {error.strerror}") from None
        self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._listener.start()

    def wait_until_ready(self, seconds: float) -> None:
        """Returns when the process answers. Raises NluProcessError when it ended or took longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            process = self._process
            if process is None:
                raise NluProcessError("the NLU process is not started")
            if process.poll() is not None:
                if self._listener is not None:
                    self._listener.join(1.0)
                raise NluProcessError(self._last_error(process.returncode))
            if _read_pid(self._run_file) == process.pid:
                return
            time.sleep(0.05)
        raise NluProcessError(f"the NLU process was not ready within {seconds:.0f} seconds")

    def stop(self) -> None:
        """Ends the process, within five seconds. Does nothing when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._listener is not None:
            self._listener.join(1.0)
        if _read_pid(self._run_file) == process.pid:
            self._run_file.unlink(missing_ok=True)

    @property
    def said(self) -> tuple[str, ...]:
        """The latest lines of the process's log (standard error)."""
        return tuple(self._said)

    @property
    def pid(self) -> int | None:
        """The process id while it is started."""
        return None if self._process is None else self._process.pid

    def alive(self) -> bool:
        """Whether the process is started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        if process.stderr is None:
            return
        with process.stderr as lines:
            for line in lines:
                self._said.append(line.decode("utf-8", "replace").rstrip())

    def _last_error(self, status: int) -> str:
        errors = [line.removeprefix("error: ") for line in self._said if line.startswith("error: ")]
        return (
            errors[-1] if errors else f"the NLU process ended with status {status}: {' '.join(list(self._said)[-1:])}"
        )


def running(run_file: Path) -> bool:
    """Whether the process that wrote the run file is still there."""
    pid = _read_pid(run_file)
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def minimal_environment() -> dict[str, str]:
    """The environment for Rasa's interpreter: where to find programs, the language, and nothing of ours."""
    passed = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    quiet = {
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore",
    }
    return passed | quiet


def _read_pid(run_file: Path) -> int | None:
    try:
        pid = json.loads(run_file.read_bytes())["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if type(pid) is int and pid > 0 else None


def _is_zombie(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[:1] == ["Z"]
