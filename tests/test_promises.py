"""The page of promises is true as far as a test can tell: each promise has a test that exists, a measurement that is
written down, or a reason."""

import ast
import re
from functools import cache

import pytest

from settings import ROOT

PAGE = ROOT / "docs" / "promises.md"
LINE = re.compile(r"\| (P-\d{3}) \| ([^|]+) \| ([^|]+) \|")
TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
MEASURED = re.compile(r"measured: `docs/(\w+\.md)`, (“[^”]+”(?: and “[^”]+”)*)\.")
NOT_YET = re.compile(r"\*\*not yet\*\*(?: shown)?: .{10,}\.")


def promises() -> list[tuple[str, str, str]]:
    """Id, promise, and what shows it, of every line of a table."""
    rows = [row for row in PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    found = [LINE.fullmatch(row) for row in rows if not row.startswith(("| | ", "| --- "))]
    assert all(found), [row for row, match in zip(rows, found, strict=False) if match is None]
    return [(match[1], match[2].strip(), match[3].strip()) for match in found if match]


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of a file's tests, those of its classes too."""
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))


@pytest.mark.parametrize(("id", "promise", "shown"), promises(), ids=[id for id, _, _ in promises()])
def test_a_promise_has_tests_or_a_measurement_that_exist_or_says_why_not(id: str, promise: str, shown: str) -> None:
    assert promise.endswith(".")
    named = TEST.findall(shown)
    if named:
        assert TEST.sub("", shown).strip() == ""
        missing = [(path, name) for path, name in named if not (ROOT / "tests" / path).is_file()]
        assert missing == []
        assert [(path, name) for path, name in named if name not in names_in(path)] == []
    elif measured := MEASURED.fullmatch(shown):
        page = (ROOT / "docs" / measured[1]).read_text(encoding="utf-8")
        sections = re.findall(r"“([^”]+)”", measured[2])
        assert [section for section in sections if f"\n## {section}\n" not in page] == []
    else:
        assert NOT_YET.fullmatch(shown), shown


def test_every_promise_has_an_id_of_its_own_in_order() -> None:
    ids = [id for id, _, _ in promises()]
    assert len(ids) > 80
    assert ids == sorted(set(ids))


def test_what_is_not_kept_is_said_plainly() -> None:
    assert sum("**not yet**" in shown for _, _, shown in promises()) >= 1
    assert [id for id, promise, _ in promises() if "not yet" in promise] == []
