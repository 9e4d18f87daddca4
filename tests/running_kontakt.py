"""A real `kontakt serve` as a process of its own, with ports and a `var` directory of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from settings import ROOT

KONTAKT = [sys.executable, str(ROOT / "kontakt.py")]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RunningKontakt:
    """`kontakt serve`, started; `lines` is what it has printed so far."""

    def __init__(self, var: Path, model: Path, *arguments: str, **environment: str) -> None:
        self.var, self.web_port, self.review_port = var, free_port(), free_port()
        (var / "nlu").mkdir(parents=True, exist_ok=True)
        for path in model.parent.glob(f"{model.name}*"):
            if not (var / "nlu" / path.name).exists():
                shutil.copy2(path, var / "nlu" / path.name)
        self.log = var / "serve.log"
        self.environment = {
            **os.environ,
            "KONTAKT_VAR": str(var),
            "KONTAKT_WEB_PORT": str(self.web_port),
            "KONTAKT_REVIEW_PORT": str(self.review_port),
            **environment,
        }
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*KONTAKT, "serve", *arguments], env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    @property
    def web(self) -> str:
        """The web chat's address."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def review(self) -> str:
        """The review pages' address."""
        return f"http://127.0.0.1:{self.review_port}"

    @property
    def printed(self) -> str:
        """Everything it has printed."""
        return self.log.read_text(encoding="utf-8")

    def wait_until_up(self, seconds: float = 60) -> float:
        """Returns when the web chat answers; how many seconds after the command that was."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.printed
            try:
                with urllib.request.urlopen(f"{self.web}/healthz", timeout=2):
                    return time.monotonic() - self.started_at
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"not up within {seconds} s: {self.printed}")

    def wait_until_free_text(self, seconds: float = 90) -> None:
        """Returns when the NLU process answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with urllib.request.urlopen(f"{self.web}/ready", timeout=5) as answer:
                if b"true" in answer.read():
                    return
            time.sleep(0.1)
        raise AssertionError(f"no free text within {seconds} s: {self.printed}")

    def invitation(self) -> str:
        """The link for the first staff account that was printed."""
        found = re.search(r"http://\S+/valkommen/\S+", self.printed)
        assert found, self.printed
        return found.group()

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End it with a signal; how many seconds it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(20)
        return time.monotonic() - began

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Another `kontakt` command on the same `var`."""
        return subprocess.run(
            [*KONTAKT, *arguments], env=self.environment, input=stdin, capture_output=True, text=True, timeout=120
        )
