"""The repository keeps its own promises: README, documentation, modules, lock files and vocabulary fit together.

Only files are read here, those that belong to the repository: what `.gitignore` names is left out.
"""

import ast
import fnmatch
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main
import yaml

from kontakt import app
from settings import ROOT, NoticeSettings, Settings, TelegramSettings

MOST_LINES = 300
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
REGISTRIES = ["files.python" + "hosted.org", "py" + "pi.org", "registry.npm" + "js.org"]
MACHINE_PATHS = [f"/{name}/" for name in ("home", "root", "work", "Users")]
UNFINISHED = ["TO" + "DO", "FIX" + "ME", "X" * 3]


@cache
def ignored_names() -> tuple[frozenset[str], tuple[str, ...]]:
    """What `.gitignore` leaves out: paths from the top, and patterns for names anywhere."""
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    anchored = frozenset(pattern.strip("/") for pattern in patterns if pattern.startswith("/"))
    return anchored, tuple(pattern.strip("/") for pattern in patterns if not pattern.startswith("/"))


def is_ours(path: str) -> bool:
    """Whether a path, from the top, belongs to the repository and is not made on the machine."""
    anchored, names = ignored_names()
    name = path.rstrip("/").rpartition("/")[2]
    return path.rstrip("/") not in anchored and name != ".git" and not any(fnmatch.fnmatch(name, n) for n in names)


@cache
def repository() -> tuple[Path, ...]:
    """Every file that belongs to the repository."""

    def walk(directory: Path) -> Iterator[Path]:
        for path in sorted(directory.iterdir()):
            if is_ours(path.relative_to(ROOT).as_posix()):
                yield from walk(path) if path.is_dir() else (path,)

    return tuple(walk(ROOT))


@cache
def text(path: Path) -> str | None:
    """What a file says; None when it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def texts() -> dict[str, str]:
    """Name -> content of every text file."""
    found = {path.relative_to(ROOT).as_posix(): text(path) for path in repository()}
    return {name: content for name, content in found.items() if content is not None}


def modules(*, with_tests: bool = True) -> dict[str, str]:
    """Name -> source of every Python module."""
    return {
        name: source
        for name, source in texts().items()
        if name.endswith(".py") and (with_tests or not name.startswith("tests/"))
    }


def readme() -> str:
    """The README."""
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_map_names_every_entry_and_no_other() -> None:
    entries = {path.relative_to(ROOT).parts[0] for path in repository()}
    tree = readme().split("## The tree")[1].split("\n## ")[0]
    mapped = {name.strip("/") for name in re.findall(r"^\| `([^`]+)` \|", tree, re.MULTILINE)}
    assert mapped == entries


def test_the_reading_order_names_files_that_exist() -> None:
    order = readme().split("**Read the code in this order:**")[1].split("\n\n")[0]
    named = re.findall(r"`([\w./]+)`", order)
    assert len(named) >= 6
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_setting_is_in_the_table_with_its_variable() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| `(KONTAKT_\w+)` \|", readme(), re.MULTILINE))
    nested = {f"telegram.{name}" for name in TelegramSettings.model_fields}
    nested |= {f"notices.{name}" for name in NoticeSettings.model_fields}
    names = {name for name in Settings.model_fields if name not in ("telegram", "notices")} | nested
    assert rows == {name: "KONTAKT_" + name.upper().replace(".", "__") for name in names}


def commands() -> Iterator[str]:
    """Every command of the command line, as it is typed."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        parts = getattr(command, "commands", None)
        yield from (f"kontakt {name} {part}" for part in parts) if parts else [f"kontakt {name}"]


def test_every_command_is_shown() -> None:
    section = readme().split("## The command line")[1].split("\n## ")[0]
    shown = {line.split("#")[0].strip() for line in section.splitlines() if line.startswith("    kontakt ")}
    known = set(commands())
    assert len(known) >= 11
    assert {name for name in known if not any(line == name or line.startswith(f"{name} ") for line in shown)} == set()
    assert [line for line in shown if not any(line == name or line.startswith(f"{name} ") for name in known)] == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(name, target) for name, page in documents() for target in re.findall(r"`make ([a-z]+)`", page)}
    assert {(name, target) for name, target in named if target not in targets} == set()


def test_every_module_says_what_it_is_for() -> None:
    silent = []
    for name, source in modules().items():
        docstring = ast.get_docstring(ast.parse(source))
        if not docstring or len(docstring) < 15:
            silent.append(name)
    assert silent == []


def test_no_module_is_too_long() -> None:
    lengths = {name: len(source.splitlines()) for name, source in modules(with_tests=False).items()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_nothing_is_left_unfinished() -> None:
    pattern = re.compile(rf"\b({'|'.join(UNFINISHED)})\b")
    locks = ("requirements", "nlu/rasa/requirements.lock")
    assert [name for name, content in texts().items() if not name.startswith(locks) and pattern.search(content)] == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    """Looked for among the names of the code, not in its texts."""
    found = []
    for name, source in modules().items():
        if name.startswith("tests/"):
            tokens = tokenize.generate_tokens(io.StringIO(source).readline)
            words = {token.string for token in tokens if token.type == tokenize.NAME}
            if words & {"skip", "skipif", "xfail", "importorskip"}:
                found.append(name)
    assert found == []


@pytest.mark.parametrize("address", REGISTRIES)
def test_no_file_names_a_registry(address: str) -> None:
    assert [name for name, content in texts().items() if address in content] == []


@pytest.mark.parametrize("path", MACHINE_PATHS)
def test_no_file_names_a_place_on_somebodys_machine(path: str) -> None:
    pattern = re.compile(rf"(?<![\w.*/}}-]){re.escape(path)}")
    assert [name for name, content in texts().items() if pattern.search(content)] == []


def test_every_locked_package_has_a_version_and_a_hash() -> None:
    locks = {name: content for name, content in texts().items() if re.fullmatch(r"(.*/)?requirements.*\.lock", name)}
    assert len(locks) == 5
    for name, content in locks.items():
        packages = re.split(r"^(?=[A-Za-z0-9])", content, flags=re.MULTILINE)[1:]
        assert packages, name
        assert [package.split(" ")[0] for package in packages if not _is_locked(package)] == [], name


def _is_locked(package: str) -> bool:
    return bool(re.match(r"[\w.\[\]-]+==\S", package) and re.search(r"--hash=sha256:[0-9a-f]{64}\b", package))


PART_OF = {"harmless": "out_of_scope"}
"""Files of examples that belong to another intent than their name: what sounds dangerous and is not."""


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_intent_has_examples_and_every_example_an_intent(language: str) -> None:
    intents = set(yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"])
    found = {}
    for path in sorted((ROOT / "nlu" / "rasa" / "data" / language).glob("*.yml")):
        entries = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["nlu"]
        assert [entry["intent"] for entry in entries] == [PART_OF.get(path.stem, path.stem)]
        found[entries[0]["intent"]] = sum(line.startswith("-") for line in entries[0]["examples"].splitlines())
    assert found.keys() == intents
    assert {intent for intent, examples in found.items() if examples < 5} == set()


def documents() -> Iterator[tuple[str, str]]:
    """Name and content of every page of documentation."""
    return ((name, content) for name, content in texts().items() if name.endswith(".md"))


@pytest.mark.parametrize("name", sorted(name for name, _ in documents()))
def test_every_link_leads_somewhere(name: str) -> None:
    links = [first or second for first, second in LINK.findall(texts()[name])]
    local = [link.split("#")[0] for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if link and not ((ROOT / name).parent / link).exists()] == []


@pytest.mark.parametrize("name", sorted(name for name, _ in documents()))
def test_every_path_in_backquotes_is_there(name: str) -> None:
    """Names such as `storage/tables.py` or `forms/definitions/`; patterns and what is made by running are not."""
    entries = {path.relative_to(ROOT).parts[0] for path in repository()}
    named = re.findall(r"`([\w.-]+/[\w./-]*)`", texts()[name])
    ours = [path for path in named if path.split("/")[0] in entries and is_ours(path)]
    assert [path for path in ours if not (ROOT / path).exists()] == []


def test_every_event_of_the_log_is_explained() -> None:
    logged = re.compile(r"""\.(?:debug|info|warning|error)\(\s*"([a-z_]+\.[a-z_.]+)\"""")
    events = {event for source in modules(with_tests=False).values() for event in logged.findall(source)}
    table = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split("## The log")[1].split("\n## ")[0]
    assert len(events) >= 8
    assert {event for event in events if f"`{event}`" not in table} == set()


def test_every_decision_has_its_number_and_its_three_parts() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        content = path.read_text(encoding="utf-8")
        missing = [part for part in ("context", "decision", "consequences") if part not in content.lower()]
        assert missing == [], path.name


def test_the_version_is_the_same_everywhere() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert f"## [{version.group(1)}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_publiccode_has_what_catalogues_ask_for() -> None:
    data = yaml.safe_load((ROOT / "publiccode.yml").read_text(encoding="utf-8"))
    asked = {"publiccodeYmlVersion", "name", "url", "platforms", "categories", "developmentStatus", "softwareType"}
    assert asked | {"description", "legal", "maintenance", "localisation"} <= data.keys()
    assert data["legal"]["license"] == "Apache-2.0"
    for language, described in data["description"].items():
        assert len(described["shortDescription"]) <= 150, language
        assert 150 <= len(described["longDescription"]) <= 10_000, language
        assert described["features"], language
        assert [path for path in described.get("screenshots", []) if not (ROOT / path).exists()] == [], language
