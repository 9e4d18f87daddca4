"""A whole message that is a command, in many ways of saying it: read from `command_phrases.yml`, without the NLU.

It works at every question of a form, where most texts are answers: so only a message that says nothing else is one.
Spelling may be wrong in longer messages; a single word must be right, or a name would become a command.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from pathlib import Path

import yaml

from bot.text import folded

PHRASES = Path(__file__).parent / "command_phrases.yml"
MOST_WORDS = 16
"""Longer messages say more than a command."""
MOST_CHARACTERS = 160
LETTERS = 4
"""Letters of a word that can be misspelt; shorter ones are too like each other."""
LONG_WORD = 7
"""Letters from which two may be wrong."""
LEAST_WORDS = 3
"""Words from which spelling may be wrong."""
MOST_WRONG = 0.5
"""Share of the words that may be misspelt; where more are strange, something else is said."""
MOST_READINGS = 64
WORDS = {
    "help": ("hjälp", "hjalp", "help", "meny", "menu", "?"),
    "cancel": ("avbryt", "cancel"),
    "back": ("tillbaka", "back"),
    "status": ("status",),
    "my_data": ("mina uppgifter", "my data", "mina", "mine"),
    "human": ("människa", "manniska", "human", "personal"),
    "language": ("språk", "sprak", "language"),
    "restart": ("börja om", "borja om", "restart", "start over"),
    "resume": ("fortsätt", "fortsatt", "continue", "resume"),
    "municipality": ("kommun", "byt kommun", "municipality"),
    "skip": ("hoppa över", "hoppa over", "skip"),
    "why": ("varför", "varför frågar ni", "why"),
    "simplify": ("förklara enklare", "forklara enklare", "enklare", "lätt svenska", "lättläst"),
    "submit": ("skicka in", "skicka", "submit", "send"),
}
"""Words that are a command when they are the whole message, with or without a slash before them."""

NAMES_TOO = frozenset({"mina", "mine"})
"""Words of these that are names as well: where a text is asked for they are a command only with a slash."""
_LANGUAGES = {"svenska": "sv", "swedish": "sv", "engelska": "en", "english": "en"}
_UNABLE = re.compile(r"\b(?:inte|ingen|not|don t|dont|can t|cant|cannot)\b")
_NAMES_AN_ANSWER = re.compile(
    r"(?:(?:jag )?(?:vill|maste|behover|skulle vilja|kan jag|far jag) )?(?:andra|byt|ratta|korrigera|redigera) "
    r"|(?:i )?(?:(?:want to|would like to|need to|have to|can i|may i|let me) )?(?:change|edit|correct|fix) "
)
"""How a message begins that names the answer to change: "ändra telefonnumret"."""


@dataclass(frozen=True)
class Said:
    """A command; `detail` is the language, or the whole message where it names an answer to change."""

    name: str
    detail: str = ""


@dataclass(frozen=True)
class _Phrases:
    around: re.Pattern[str]
    commands: tuple[tuple[str, re.Pattern[str]], ...]
    words: frozenset[str]


def exact(text: str) -> str | None:
    """The command a message is when it is nothing else, or None."""
    wanted = " ".join(text.casefold().split()).lstrip("/").rstrip(".!?") or text.strip()
    wanted = wanted.replace("_", " ")
    return next((name for name, words in WORDS.items() if wanted in words), None)


def read_command(text: str) -> Said | None:
    """The command that `text` is, and nothing else; None for any other text."""
    words = _words(text) if len(text) <= MOST_CHARACTERS else []
    if not words or len(words) > MOST_WORDS:
        return None
    return next((found for plain in _readings(words) if (found := _read(plain))), None)


def changes_an_answer(text: str) -> bool:
    """Whether a short text begins as one that names an answer to change."""
    words = _words(text)
    return 1 < len(words) <= 6 and _NAMES_AN_ANSWER.match(" ".join(words) + " ") is not None


def _read(plain: str) -> Said | None:
    phrases = _load()
    for wanted in dict.fromkeys((plain, _without_around(plain, phrases.around))):
        for name, pattern in phrases.commands:
            if wanted and pattern.fullmatch(wanted):
                return Said(name, _detail(name, wanted))
    return None


def _detail(name: str, plain: str) -> str:
    if name == "language":
        named = next(_LANGUAGES[word] for word in plain.split() if word in _LANGUAGES)
        return named if not _UNABLE.search(plain) else "en" if named == "sv" else "sv"
    return plain if name == "change" else ""


def _without_around(plain: str, around: re.Pattern[str]) -> str:
    """The text without greetings and the like before and after it."""
    while (shorter := around.sub("", plain).strip()) != plain:
        plain = shorter
    return plain


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", folded(text))


def _readings(words: list[str]) -> Iterator[str]:
    """The message as it is written, then with its misspelt words as the phrases spell them."""
    yield " ".join(words)
    strange = [word for word in words if len(word) >= LETTERS and word not in _load().words]
    if len(words) >= LEAST_WORDS and 0 < len(strange) <= max(1, MOST_WRONG * len(words)):
        spelt = [_near(word) if word in strange else (word,) for word in words]
        for reading in islice(product(*spelt), MOST_READINGS):
            yield " ".join(reading)


def _near(word: str) -> tuple[str, ...]:
    """The words of the phrases that a misspelt word may be; itself when there is none."""
    most = 1 if len(word) < LONG_WORD else 2
    letters = frozenset(word)
    near = [
        one
        for one in _load().words
        if abs(len(one) - len(word)) <= most
        and len(letters ^ frozenset(one)) <= 2 * most
        and _distance(one, word, most) <= most
    ]
    return tuple(sorted(near)) or (word,)


def _distance(one: str, other: str, most: int) -> int:
    """How many letters must be put in, left out, changed or swapped with the next; counting ends above `most`."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        now = [row]
        for column, wanted in enumerate(other, start=1):
            cost = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        if min(now) > most:
            return most + 1
        before, last = last, now
    return last[-1]


@cache
def _load(path: Path = PHRASES) -> _Phrases:
    data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    around = "|".join(folded(line) for line in data.pop("around"))
    texts = [(name, folded(entry)) for name, languages in data.items() for said in languages.values() for entry in said]
    commands = tuple((name, re.compile(text)) for name, text in texts)
    words = frozenset(word for _, text in texts for word in re.findall(rf"[^\W_]{{{LETTERS},}}", text))
    return _Phrases(re.compile(rf"^(?:{around})\b|\b(?:{around})$"), commands, words)
