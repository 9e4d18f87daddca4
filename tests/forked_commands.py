"""`kontakt` commands as processes of their own, without waiting for Python's imports each time.

One process has everything imported and forks for each command; what runs in the child is `kontakt.main`, as it is.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from settings import ROOT

PROGRAM = """
import json, os, sys
import assembly, installation, kontakt
from commands import backups, keeping, retention, reviewers, staff, upkeep
from storage import audit_anchors, backup, retention, rotation, submissions

def run(asked):
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.dup2(os.open(asked["in"], os.O_RDONLY), 0)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    for number, path in ((1, asked["out"]), (2, asked["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.argv = ["kontakt", *asked["arguments"]]
    code = 0
    try:
        kontakt.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass
class Commands:
    """Runs commands, one at a time."""

    process: subprocess.Popen[str]

    def run(
        self, arguments: list[str], environment: dict[str, str], aside: Path, typed: str = ""
    ) -> CompletedProcess[str]:
        """One command, `typed` its standard input; `aside` is a directory for that and for what it prints."""
        read, out, err = aside / "typed.in", aside / "printed.out", aside / "printed.err"
        read.write_text(typed, encoding="utf-8")
        paths = {"in": str(read), "out": str(out), "err": str(err)}
        asked = {"arguments": arguments, "environment": environment, **paths}
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return CompletedProcess(arguments, code, out.read_text("utf-8"), err.read_text("utf-8"))


@contextmanager
def forked_commands() -> Iterator[Commands]:
    """Somebody who runs commands, until the block ends."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Commands(process)
        assert process.stdin
        process.stdin.close()
