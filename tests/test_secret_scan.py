"""The scan for secrets: what got in is found, what is explained is not, and a scan that does not look is none.

detect-secrets itself is in an environment of its own, which the tests go without: a program that is called like it
stands in. That the real one finds what it should is part of every run of `make check`.
"""

import json
import stat
import sys
from pathlib import Path

import pytest

from settings import ROOT
from supply_chain import secret_scan
from supply_chain.secret_scan import SecretScanError

FINDER = """#!{python}
import json, pathlib, sys
assert sys.argv[1:3] == ["scan", "--no-verify"]
pathlib.Path({log!r}).open("a").write(json.dumps(sys.argv[3:]) + "\\n")
looked_for = {looked_for!r}
print(json.dumps({{"results": {{file: found for file in sys.argv[3:] if (found := [
    {{"type": kind, "line_number": number, "filename": file}}
    for number, line in enumerate(pathlib.Path(file).read_text().splitlines(), 1)
    for kind, part in looked_for if part in line])}}}}))
"""


def finder(tmp_path: Path, *blind: str) -> Path:
    """A program that is called like detect-secrets and finds what is planted, but for some kinds."""
    path = tmp_path / "detect-secrets"
    looked_for = [(kind, line) for kind, line in secret_scan.PLANTED if kind not in blind]
    path.write_text(FINDER.format(python=sys.executable, log=str(tmp_path / "read"), looked_for=looked_for))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


NOTHING_KNOWN = secret_scan.Known({}, ())
TOKEN = secret_scan.PLANTED[0]


def written(tmp_path: Path, **files: str) -> Path:
    """A directory with these files, their names ending in .py."""
    directory = tmp_path / "ours"
    directory.mkdir()
    for name, content in files.items():
        (directory / f"{name}.py").write_text(content, encoding="utf-8")
    return directory


@pytest.mark.parametrize(("kind", "line"), secret_scan.PLANTED)
def test_a_secret_that_got_in_is_found(kind: str, line: str, tmp_path: Path) -> None:
    root = written(tmp_path, clean="a = 1\n", settings=f"a = 1\n{line}\n")
    found = secret_scan.scan(finder(tmp_path), root, ["clean.py", "settings.py"], NOTHING_KNOWN)
    assert found == [f"settings.py:2: {kind}"]
    assert secret_scan.scan(finder(tmp_path), root, ["clean.py"], NOTHING_KNOWN) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"text": "another"}, ["settings.py:1: Telegram Bot Token", "stale: settings.py"]),
        ({"file": "clean.py"}, ["settings.py:1: Telegram Bot Token", "stale: clean.py"]),
        ({"kind": "Private Key"}, ["settings.py:1: Telegram Bot Token", "stale: settings.py"]),
    ],
)
def test_what_is_explained_is_no_finding_and_nothing_else_is(
    change: dict[str, str], found: list[str], tmp_path: Path
) -> None:
    root = written(tmp_path, clean="a = 1\n", settings=f"{TOKEN[1]}  # invented\n")
    entry = {"file": "settings.py", "kind": TOKEN[0], "text": "invented", "why": "for this test", **change}
    known = secret_scan.Known({}, (secret_scan.Harmless(**entry),))
    said = secret_scan.scan(finder(tmp_path), root, ["clean.py", "settings.py"], known)
    assert [line.replace("secrets.yml explains what is not there: ", "").split(",")[0] for line in said] == found


def test_what_is_not_to_be_read_is_not_read(tmp_path: Path) -> None:
    root = written(tmp_path, clean="a = 1\n", settings=f"{TOKEN[1]}\n")
    known = secret_scan.Known({"sett*.py": "for this test"}, ())
    assert secret_scan.scan(finder(tmp_path), root, ["clean.py", "settings.py"], known) == []
    assert [json.loads(line) for line in (tmp_path / "read").read_text().splitlines()] == [["planted.py"], ["clean.py"]]


@pytest.mark.parametrize("kind", [kind for kind, _ in secret_scan.PLANTED])
def test_a_scan_that_misses_what_is_planted_is_no_scan(kind: str, tmp_path: Path) -> None:
    root = written(tmp_path, clean="a = 1\n")
    with pytest.raises(SecretScanError, match=f"did not find what was planted for it: {kind}"):
        secret_scan.scan(finder(tmp_path, kind), root, ["clean.py"], NOTHING_KNOWN)


def test_without_its_program_or_without_files_there_is_no_scan(tmp_path: Path) -> None:
    root = written(tmp_path, clean="a = 1\n")
    with pytest.raises(SecretScanError, match="gave no answer"):
        secret_scan.scan(tmp_path / "nothing", root, ["clean.py"], NOTHING_KNOWN)
    with pytest.raises(SecretScanError, match="nothing to read"):
        secret_scan.scan(finder(tmp_path), root, [], NOTHING_KNOWN)
    with pytest.raises(SecretScanError, match="git did not say"):
        secret_scan.tracked(root)


@pytest.mark.parametrize(
    "content",
    [
        "not_read: {}\n",
        "not_read: {a: ' '}\nharmless: []\n",
        "not_read: {}\nharmless: [{file: a, kind: b, text: c}]\n",
        "not_read: {}\nharmless: [{file: a, kind: b, text: c, why: ''}]\n",
        "not_read: {}\nharmless: [{file: a, kind: b, text: c, why: d, line: 1}]\n",
        "[]\n",
    ],
)
def test_an_exclusion_without_a_reason_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SecretScanError):
        secret_scan.load_known(path)


def test_every_exclusion_is_of_something_that_is_there() -> None:
    known = secret_scan.load_known()
    assert [entry for entry in known.harmless if entry.text not in (ROOT / entry.file).read_text("utf-8")] == []
    assert [pattern for pattern in known.not_read if not list(ROOT.glob(pattern))] == []
