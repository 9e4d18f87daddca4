"""Trains the model: data directory + domain + pipeline -> one archive.

Run by this directory's own interpreter (3.10), from `nlu/training.py`. Writes one JSON object per
line to standard output ({"step": …} while at work, {"error": …} at the end if it failed) and nothing else: what
Rasa and TensorFlow have to say goes to a log file. Choosing when to train is left to the caller.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Dict, Iterator, List, Set, TextIO, Tuple

HERE = Path(__file__).resolve().parent
Examples = Dict[Tuple[str, str], List[str]]


class DataError(Exception):
    """An example file that cannot be trained on; says which and why."""


def main() -> int:
    """Reads the arguments, trains, returns the exit status."""
    arguments = _arguments()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    log = os.open(arguments.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.path.insert(0, str(HERE))
    try:
        _step(report, "reading examples")
        sentences = read_examples(arguments.data, read_intents(arguments.domain))
        number, intents = sum(map(len, sentences.values())), {intent for intent, _ in sentences}
        _step(report, f"{number} sentences of {len(intents)} intents; loading Rasa")
        _train(sentences, arguments, report)
    except DataError as error:
        report.write(json.dumps({"error": str(error)}) + "\n")
        return 1
    except Exception as error:  # the edge of the process: whatever Rasa raises becomes one line for the caller
        cause = error.__cause__ or error
        report.write(json.dumps({"error": f"{type(cause).__name__}: {_one_line(cause)}"}) + "\n")
        raise
    finally:
        report.close()
    return 0


def _leave_with_parent() -> None:
    """Waits for standard input to close, which happens when the parent is gone; then ends at once."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def read_intents(domain: Path) -> Set[str]:
    """The intents of the domain file."""
    import yaml

    try:
        return set(yaml.safe_load(domain.read_text("utf-8"))["intents"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DataError(f"{domain.name}: no list of intents can be read ({_one_line(error)})") from None


def read_examples(directory: Path, intents: Set[str]) -> Examples:
    """(intent, language) -> its different sentences, in a fixed order; the language is the file's directory."""
    from components.text import clean

    owner: Dict[str, Tuple[str, str]] = {}
    for path in sorted(directory.rglob("*.yml")):
        for intent, sentences in _read_file(path, directory, intents):
            for sentence in sentences:
                owner.setdefault(clean(sentence), (intent, path.parent.name))
    if len({intent for intent, _ in owner.values()}) < 2:
        raise DataError(f"{directory}: examples of at least two intents are needed")
    examples: Examples = {}
    for sentence, group in sorted(owner.items()):
        examples.setdefault(group, []).append(sentence)
    return examples


def _read_file(path: Path, directory: Path, intents: Set[str]) -> Iterator[Tuple[str, List[str]]]:
    import yaml

    name = path.relative_to(directory)
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        entries = [(entry["intent"], entry["examples"]) for entry in content["nlu"]]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: not valid YAML ({_one_line(error)})") from None
    except (KeyError, TypeError):
        raise DataError(f"{name}: needs a list `nlu:` of `intent` and `examples`") from None
    for intent, written in entries:
        if intent not in intents:
            raise DataError(f"{name}: the intent {intent} is not in the domain")
        lines = [line.strip() for line in str(written).splitlines()]
        yield intent, [line[1:].strip() for line in lines if line.startswith("-") and line[1:].strip()]


def _train(sentences: Examples, arguments: argparse.Namespace, report: TextIO) -> None:
    """Lets Rasa train on the merged examples and moves the archive into place."""
    os.environ["RASA_MAX_CACHE_SIZE"] = "0"
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        os.environ["RASA_CACHE_DIRECTORY"] = str(Path(work, "cache"))
        examples = Path(work, "nlu.yml")
        examples.write_text(_as_rasa_yaml(sentences), "utf-8")
        from rasa.model_training import train_nlu

        _step(report, "training")
        made = train_nlu(
            config=str(arguments.config),
            nlu_data=str(examples),
            output=work,
            fixed_model_name="model",
            domain=str(arguments.domain),
        )
        if made is None:
            raise DataError("Rasa found no sentences to train on")
        arguments.out.write_bytes(Path(made).read_bytes())
    _step(report, "trained")


def _as_rasa_yaml(sentences: Examples) -> str:
    """One Rasa file; brackets would be read as entity marks, so they are left out."""
    harmless = str.maketrans(dict.fromkeys("[]{}()\\", " "))
    lines = ['version: "3.1"', "nlu:"]
    for intent, language in sorted(sentences):
        lines += [f"- intent: {intent}", "  metadata:", f'    language: "{language}"', "  examples: |"]
        lines += [f"    - {' '.join(sentence.translate(harmless).split())}" for sentence in sentences[intent, language]]
    return "\n".join(lines) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "config", "domain", "out", "log"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    for name, value in vars(arguments).items():
        setattr(arguments, name, value.resolve())
    return arguments


def _step(report: TextIO, text: str) -> None:
    report.write(json.dumps({"step": text}) + "\n")
    report.flush()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


if __name__ == "__main__":
    sys.exit(main())
