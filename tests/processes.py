"""What the operating system knows about processes and files: for tests that start real ones and end them."""

import hashlib
import os
import socket
import stat
import time
from pathlib import Path


def processes_of(var: Path) -> dict[int, str]:
    """Every process that was started over this `var` directory: process id -> its command."""
    wanted, found = os.fsencode(var), {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            if wanted in command or wanted in (entry / "environ").read_bytes():
                found[int(entry.name)] = command.replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
    return found


def seconds_until_gone(var: Path, limit: float = 10) -> float:
    """How long it takes until no process over `var` is left. Fails after `limit` seconds."""
    began = time.monotonic()
    while left := processes_of(var):
        assert time.monotonic() - began < limit, f"still there after {limit} s: {left}"
        time.sleep(0.05)
    return time.monotonic() - began


def listeners_of(pid: int) -> set[tuple[str, int]]:
    """(address, port) of every TCP socket on which a process waits for connections."""
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(os.readlink(descriptor))
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                found.add((_readable(address), int(port, 16)))
    return found


def _readable(address: str) -> str:
    """An address as /proc writes it: hexadecimal, each four bytes turned around."""
    words = [bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8)]
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, b"".join(words))


def snapshot(directory: Path) -> dict[str, tuple[str, str]]:
    """Every file and directory under `directory`, itself included: path -> mode and content's hash."""
    found = {}
    for path in (directory, *directory.rglob("*")):
        if path.exists():
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path.relative_to(directory))] = (stat.filemode(path.stat().st_mode), content)
    return found
