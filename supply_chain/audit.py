"""Asks an advisory service about every locked package, through pip-audit, and believes it only when all were checked.

Behind a package mirror pip-audit finds no package, skips every one, and says that it found nothing. So a package that
was skipped counts as not checked, and one is enough to fail.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from supply_chain.locks import Locked

SERVICES = ("pypi", "osv")
_SECONDS = 300


@dataclass(frozen=True)
class Outcome:
    """What one run came to. `weaknesses` are lines for people; `failure` is why there is no answer at all."""

    checked: int
    skipped: int
    weaknesses: tuple[str, ...] = ()
    failure: str = ""


def audit(pip_audit: Path, packages: Iterable[Locked], accepted: Iterable[str]) -> Outcome:
    """Asks the services in turn until one has checked every package; the last outcome when none has.

    `accepted` are the ids that have been decided on and are not reported again.
    """
    pinned = sorted({(package.name, package.version) for package in packages})
    outcome = Outcome(0, len(pinned))
    for service in SERVICES:
        outcome = Outcome(0, 0)
        for group in _rounds(pinned):
            outcome = _sum(outcome, _ask(pip_audit, service, group, sorted(accepted)))
        if not outcome.failure and not outcome.skipped:
            break
    return outcome


def read_report(report: str, expected: int) -> Outcome:
    """What pip-audit's JSON report says about `expected` packages: those it does not mention were skipped, too."""
    try:
        checked = [entry for entry in json.loads(report)["dependencies"] if "skip_reason" not in entry]
        lines = [
            f"{entry['name']} {entry['version']}: {weakness['id']}, corrected in {weakness['fix_versions']}"
            for entry in checked
            for weakness in entry["vulns"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        return Outcome(0, expected, failure=f"pip-audit's report cannot be read ({type(error).__name__})")
    return Outcome(len(checked), max(expected - len(checked), 0), tuple(lines))


def _ask(pip_audit: Path, service: str, pinned: list[tuple[str, str]], accepted: list[str]) -> Outcome:
    """One group. `--strict` ends without a report at the first skipped package, so then they are counted without it."""
    with tempfile.TemporaryDirectory() as directory:
        listed = Path(directory, "requirements.txt")
        listed.write_text("".join(f"{name}=={version}\n" for name, version in pinned), encoding="utf-8")
        command = [str(pip_audit), "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
        command += ["--vulnerability-service", service, "--requirement", str(listed)]
        command += [part for name in accepted for part in ("--ignore-vuln", name)]
        try:
            run = _run([*command, "--strict"])
            if not run.stdout.strip():
                run = _run(command)
        except (OSError, subprocess.TimeoutExpired) as error:
            return Outcome(0, len(pinned), failure=f"pip-audit could not be run ({type(error).__name__})")
    if not run.stdout.strip():
        reason = run.stderr.strip().splitlines()[-1:] or ["no output"]
        return Outcome(0, len(pinned), failure=f"pip-audit gave no report ({reason[0].split(':')[0]})")
    return read_report(run.stdout, len(pinned))


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  the pip-audit we were given, our own arguments
        command, capture_output=True, text=True, timeout=_SECONDS, check=False
    )


def _rounds(pinned: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """The packages in as many groups as it takes for no group to have one package in two versions."""
    groups: list[list[tuple[str, str]]] = []
    for name, version in pinned:
        for group in groups:
            if all(name != other for other, _ in group):
                group.append((name, version))
                break
        else:
            groups.append([(name, version)])
    return groups


def _sum(one: Outcome, other: Outcome) -> Outcome:
    return Outcome(
        one.checked + other.checked,
        one.skipped + other.skipped,
        one.weaknesses + other.weaknesses,
        one.failure or other.failure,
    )
