"""A copy of the brochure folder that a test may spoil."""

import shutil
from pathlib import Path

import pytest

import brochures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the brochure folder's data files."""
    original = Path(brochures.__file__).parent
    copy = tmp_path / "brochures"
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy
