"""When a model is trained, what is said when it cannot be, and that data which cannot be used is named."""

import shutil
from pathlib import Path

import pytest

from installation import DOMAIN, RASA
from nlu.training import TrainingError, fingerprint, sha256_file, train

SHAPING = ["config.yml", "requirements.lock", "train.py", "components", "lexicon"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A copy of Rasa's project with two tiny example files."""
    directory = tmp_path / "rasa"
    directory.mkdir()
    for name in SHAPING:
        source = RASA / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, directory / name)
    (directory / ".venv").symlink_to(RASA / ".venv")
    write(directory, "sv/greet", "greet", "hej", "hallå där", "god morgon", "tjena")
    write(directory, "sv/goodbye", "goodbye", "hej då", "vi hörs", "ha det bra", "adjö")
    return directory


def write(directory: Path, name: str, intent: str, *examples: str) -> None:
    path = directory / "data" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"    - {example}" for example in examples)
    path.write_text(f'version: "3.1"\nnlu:\n- intent: {intent}\n  examples: |\n{lines}\n', "utf-8")


@pytest.mark.parametrize(
    "changed", ["config.yml", "requirements.lock", "components/text.py", "lexicon/services.yml", "data/sv/greet.yml"]
)
def test_whatever_shapes_the_model_changes_its_fingerprint(small: Path, changed: str) -> None:
    before = fingerprint(small, DOMAIN)
    assert fingerprint(small, DOMAIN) == before
    path = small / changed
    path.write_bytes(path.read_bytes() + b"\n# changed\n")
    assert fingerprint(small, DOMAIN) != before


def test_new_files_and_the_vocabulary_change_it_but_other_files_do_not(small: Path, tmp_path: Path) -> None:
    before = fingerprint(small, DOMAIN)
    (small / "notes.txt").write_text("nothing to do with it")
    (small / "components" / "__pycache__").mkdir(exist_ok=True)
    assert fingerprint(small, DOMAIN) == before
    domain = tmp_path / "domain.yml"
    domain.write_text(DOMAIN.read_text("utf-8") + "\n# changed\n", "utf-8")
    assert fingerprint(small, domain) != before
    write(small, "en/greet", "greet", "hello")
    assert fingerprint(small, DOMAIN) != before


def test_a_model_is_trained_once_and_older_ones_go(small: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    older = models / "model-0000000000000000.tar.gz"
    older.write_bytes(b"old")
    sha256_file(older).write_text("old")
    steps: list[str] = []
    model = train(small, DOMAIN, models, steps.append)
    assert model.name == f"model-{fingerprint(small, DOMAIN)}.tar.gz"
    assert steps[-1] == "trained"
    assert not older.exists()
    assert not sha256_file(older).exists()
    changed_at = model.stat().st_mtime_ns
    again: list[str] = []
    assert train(small, DOMAIN, models, again.append) == model
    assert again == []
    assert model.stat().st_mtime_ns == changed_at


UNUSABLE = {
    "not yaml": ("sv/broken.yml", "nlu: [", "broken.yml"),
    "no list": ("sv/broken.yml", "hello: 1", "broken.yml"),
    "unknown intent": (
        "sv/odd.yml",
        'version: "3.1"\nnlu:\n- intent: ask_weather\n  examples: |\n    - regnar det\n',
        "ask_weather",
    ),
    "not utf-8": ("sv/broken.yml", "nlu: å".encode("latin-1"), "broken.yml"),
}


@pytest.mark.parametrize(("name", "content", "named"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_examples_are_named_in_one_line(
    small: Path, tmp_path: Path, name: str, content: str | bytes, named: str
) -> None:
    path = small / "data" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TrainingError) as failed:
        train(small, DOMAIN, tmp_path / "models")
    assert named in str(failed.value)
    assert "\n" not in str(failed.value)
    assert not list((tmp_path / "models").glob("*.tar.gz*"))


def test_no_examples_and_no_environment_are_said(small: Path, tmp_path: Path) -> None:
    shutil.rmtree(small / "data")
    with pytest.raises(TrainingError, match="at least two intents"):
        train(small, DOMAIN, tmp_path / "models")
    (small / ".venv").unlink()
    with pytest.raises(TrainingError, match="environment is missing"):
        train(small, DOMAIN, tmp_path / "models")
    with pytest.raises(TrainingError, match="cannot be read"):
        fingerprint(small, tmp_path / "no-domain.yml")
