"""What the commands share: options, one-line errors, the municipality a command is given, what is typed unseen."""

import sys
from typing import Annotated, NoReturn

import typer

Municipality = Annotated[str | None, typer.Option(help="Municipality id: gotene, kramfors, sala, vingaker or annan.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]


def fail(message: str) -> NoReturn:
    """One line on standard error, and exit code 1."""
    sys.stderr.write(f"kontakt: {' '.join(message.split())}\n")
    raise SystemExit(1)


def asked(prompt: str) -> str:
    """What is typed at the prompt, or the first line of standard input; empty when nothing comes.

    For everything that may be about somebody: unlike an argument, no other user of the machine can see it.
    """
    if sys.stdin.isatty():
        sys.stderr.write(f"{prompt}: ")
        sys.stderr.flush()
    return sys.stdin.buffer.readline().decode("utf-8", "replace").strip()


def known_municipality(given: str | None) -> str | None:
    """The municipality id that was given, if it is one; ends the command if not."""
    from brochures.lookup import load_library

    known = [place.id for place in load_library().municipalities]
    if given is not None and given not in known:
        fail(f"no municipality {given!r}: choose one of {', '.join(known)}")
    return given
