"""Canaries: unique words and numbers that are typed somewhere, and looked for in everything that a program leaves.

How a form is walked with them, and how one is spelled when somebody has encoded it. What is started and where it is
looked is up to the tests.
"""

import base64
import html
import json
import random
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import quote, quote_plus

from forms import answer_types
from forms.form import Form, Question
from forms.journey import Journey

STEM = "brandqvist"
"""A part of every word, spelled in letters that no encoding of texts changes one by one."""
TODAY = datetime.now(UTC).date()
_SUBMIT, _SKIP = "submit", "skip"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass
class Canaries:
    """Makes canaries, and remembers what each was typed for. Safe to use from several threads."""

    words: dict[str, str] = field(default_factory=dict)
    """Word -> the place."""
    numbers: dict[str, str] = field(default_factory=dict)
    """Digits -> the place."""
    _next: Iterator[int] = field(default_factory=lambda: count(26))

    def word(self, place: str) -> str:
        """A name nobody has: a few letters of its own, the stem, å, ä and ö."""
        number, letters = next(self._next), ""
        while number:
            number, letter = divmod(number, 26)
            letters += _LETTERS[letter]
        made = f"Zå{letters}{STEM}äö"
        self.words[made] = place
        return made

    def phone(self, place: str) -> str:
        """A telephone number that stands in no example; after 60 they come again."""
        number = f"070174{640 + next(self._next) % 60:04}"
        self.numbers[number[1:]] = place
        return f"{number[:3]}-{number[3:6]} {number[6:8]} {number[8:]}"

    def personnummer(self, place: str, years: range = range(1960, 2000)) -> str:
        """A personnummer of nobody, born in one of the `years`."""
        serial = next(self._next)
        born = date(years[serial % len(years)], 1 + serial % 12, 1 + serial % 28)
        nine = f"{born:%y%m%d}98{serial % 10}"
        number = nine + str(_luhn(nine))
        self.numbers[number] = place
        return f"{born:%Y%m%d}-{number[6:]}"

    def story(self, place: str) -> str:
        """A long personal story, with a name in it."""
        name = self.word(place)
        return (
            f"Jag heter {name} och jag vill berätta hur vi har det hemma. Min son är nio år och har svårt att sova,"
            f" och hans pappa {name} flyttade förra året. Vi bor hos min syster och det är trångt, och jag orkar inte"
            " längre med allt som ska ordnas med skolan och jobbet. Ibland gråter han hela kvällen och jag vet inte vad"
            " jag ska säga till honom. Jag undrar om det finns någon som kan hjälpa oss."
        )

    def found_in(self, content: bytes) -> set[str]:
        """The canaries that stand in it, in whatever spelling, each with its place."""
        found = set()
        if any(stem in content for stem in _STEMS):
            found |= {f"{word} ({place})" for word, place in list(self.words.items()) if _stands_in(word, content)}
        phones = any(stem in content for stem in _PHONE_STEMS)
        for digits, place in list(self.numbers.items()):
            if (phones or not digits.startswith(_PHONE)) and any(
                _stands_in(written, content) for written in _as_numbers_are_written(digits)
            ):
                found.add(f"{digits} ({place})")
        return found


@cache
def spellings(text: str) -> frozenset[bytes]:
    """A text as it may stand in a file: in several encodings, escaped, in capitals, and in the middle of base64."""
    utf8 = text.encode()
    bare = json.dumps(text)[1:-1]
    texts = {
        *(text, text.lower(), text.upper(), unicodedata.normalize("NFD", text), bare, json.dumps(bare)[1:-1]),
        *(quote(text), quote(text).lower(), quote_plus(text), html.escape(text), utf8.hex(), utf8.hex().upper()),
        *("".join(f"&#{ord(letter)};" for letter in text), text.encode("unicode_escape").decode()),
        *(text[::-1], repr(utf8)[2:-1]),
    }
    found = {written.encode() for written in texts}
    found |= {text.encode(name) for name in ("latin-1", "utf-16-le", "utf-16-be", "utf-32-le")}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + utf8)
        whole = encoded[(before * 8 + 5) // 6 : (before + len(utf8)) * 8 // 6]
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(found)


def code_spellings(code: str) -> frozenset[bytes]:
    """A code of six digits as it is written beside something: the digits alone stand by chance in fingerprints."""
    spaced = f"{code[:3]} {code[3:]}"
    texts = {f'"{code}"', f"'{code}'", f"={code}&", f"code={code}", f"code: {code}", f" {code} ", f"kod {code}"}
    return frozenset(text.encode() for text in texts | {f" {spaced}", f'"{spaced}', f"={code[:3]}+{code[3:]}"})


def _stands_in(text: str, content: bytes) -> bool:
    return any(needle in content for needle in spellings(text))


_PHONE = "70174"
_STEMS = spellings(STEM)
_PHONE_STEMS = frozenset(s for written in (_PHONE, "0-174", "174 06", "174-06", "17406") for s in spellings(written))
"""What every canary has in it: where none of these stands, none of them need be looked for."""


def _as_numbers_are_written(digits: str) -> set[str]:
    """Never fewer than eight characters: seven digits alone stand by chance in the fingerprints of a database."""
    if digits.startswith(_PHONE):
        groups = (digits[:2], digits[2:5], digits[5:7], digits[7:])
        rest = "".join(groups[1:])
        return {digits, f"{groups[1]} {groups[2]} {groups[3]}", f" {rest}", f"-{rest}", "-".join(groups)}
    return {digits, f"{digits[:6]}-{digits[6:]}"}


def _luhn(nine: str) -> int:
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(nine)]
    return -sum(value // 10 + value % 10 for value in doubled) % 10


# -- walking a form -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What a channel shows now: the open question's slot, buttons (id -> label), and the reference once it is sent."""

    slot: str | None
    buttons: Mapping[str, str]
    reference: str | None
    said: str = ""

    def button(self, label: str) -> str:
        """The id of the button with this label, or with a label that begins so."""
        found = [id for id, shown in self.buttons.items() if shown.startswith(label)]
        assert found, f"no button {label!r}: {self}"
        return found[0]


@dataclass
class Walker:
    """Fills in forms with canaries. A `way` is one choice of options throughout a form; a number names it."""

    canaries: Canaries
    filled: dict[str, set[str]] = field(default_factory=dict)
    """Form id -> the slots that have been given an answer."""
    chosen: Mapping[str, str | None] = field(default_factory=dict)
    """Slot -> the option that is chosen whatever the way; None: left out."""

    def ways(self, form: Form, most: int = 400) -> list[int]:
        """Ways that together lead past every question of the form, as few as are found quickly."""
        missing = {question.slot for question in form.questions}
        found = []
        for way in range(most):
            past = set(self._answers(form, way)) & missing
            if past:
                found.append(way)
                missing -= past
            if not missing:
                return found
        raise AssertionError(f"{form.id}: no way leads to {missing}")

    def fill(self, form: Form, way: int, say: Callable[[str], Asked], tap: Callable[[str], Asked], send: bool) -> Asked:
        """One way through a form, from the button that starts it to its summary, or to its reference."""
        return self.go_on(form, way, tap(f"f:{form.id}"), say, tap, send)

    def go_on(
        self, form: Form, way: int, asked: Asked, say: Callable[[str], Asked], tap: Callable[[str], Asked], send: bool
    ) -> Asked:
        """The rest of a form that is open."""
        again = 0
        for _ in range(4 * len(form.questions) + 20):
            submit = _button(asked, _SUBMIT)
            if asked.reference or (submit and not send):
                return asked
            if submit:
                asked = tap(submit)
                continue
            question = form.question(asked.slot or "")
            if question is None:
                asked = tap(_unknown(asked))
                continue
            before, past = asked.slot, _button(asked, _SKIP)
            asked = tap(past) if again > 1 and past else self._answer(form, question, way, asked, say, tap)
            again = again + 1 if asked.slot == before else 0
        raise AssertionError(f"{form.id}, way {way}: it does not end at {asked}")

    def _answer(
        self,
        form: Form,
        question: Question,
        way: int,
        asked: Asked,
        say: Callable[[str], Asked],
        tap: Callable[[str], Asked],
    ) -> Asked:
        self.filled.setdefault(form.id, set()).add(question.slot)
        if self._skips(question, way) and (past := _button(asked, _SKIP)):
            return tap(past)
        if question.type in ("choice", "yes_no", "multi_choice"):
            for value in self._options(question, way):
                button = next(
                    (
                        id
                        for id in asked.buttons
                        if id.startswith("a:") and id.split(":", 3)[2:] in _ids(question, value)
                    ),
                    None,
                )
                if button is None:
                    return say(_label(question, value))
                asked = tap(button)
            done = next(
                (id for id in asked.buttons if asked.slot == question.slot and id.endswith(f":{question.slot}:*")), None
            )
            return tap(done) if done else asked
        wrong = self.canaries.word(f"{form.id}.{question.slot}, unreadable")
        if question.type not in ("text", "long_text") and way % 2 == 0:
            answer = say(f"{wrong} {wrong}")
            if answer.slot != question.slot:
                return answer
        return say(self._typed(form, question, way))

    def _typed(self, form: Form, question: Question, way: int) -> str:
        place = f"{form.id}.{question.slot}"
        if question.type == "phone":
            return self.canaries.phone(place)
        if question.type == "email":
            return f"{self.canaries.word(place).replace('å', '').replace('äö', '')}@example.com".lower()
        if question.type == "personnummer":
            return self.canaries.personnummer(
                place, range(TODAY.year - 17, TODAY.year - 6) if way % 2 else range(1960, 2000)
            )
        if question.type in ("text", "long_text"):
            word = self.canaries.word(place)
            return word if question.type == "text" else f"{word}, och en rad till.\n{word} skrev det."
        return _readable(question, way)

    def _answers(self, form: Form, way: int) -> dict[str, Any]:
        """The way, walked without a bot."""
        answers: dict[str, Any] = {}
        while (question := Journey(form, answers).next_question) is not None:
            if self._skips(question, way):
                answers[question.slot] = None
            elif question.type == "yes_no":
                answers[question.slot] = self._options(question, way)[0] == "ja"
            elif question.type == "choice":
                answers[question.slot] = self._options(question, way)[0]
            elif question.type == "multi_choice":
                answers[question.slot] = self._options(question, way)
            else:
                typed = Walker(Canaries())._typed(form, question, way)
                answers[question.slot] = answer_types.read(question, typed, "sv", TODAY)
        return answers

    def _skips(self, question: Question, way: int) -> bool:
        """Some ways leave out what may be left out: other questions may follow then. The first leaves out nothing."""
        if question.slot in self.chosen:
            return self.chosen[question.slot] is None
        return way > 0 and not question.required and random.Random(f"skip {way} {question.slot}").random() < 0.3

    def _options(self, question: Question, way: int) -> list[str]:
        """The values that are chosen on this way; none that ends the form."""
        if chosen := self.chosen.get(question.slot):
            return [chosen]
        return _some_option(question, way)


def _some_option(question: Question, way: int) -> list[str]:
    values = [one.value for one in question.options if not one.stops] or ["ja", "nej"]
    return [random.Random(f"{way} {question.slot}").choice(values)]


def _ids(question: Question, value: str) -> list[list[str]]:
    return [[question.slot, value], [question.slot, f"+{value}"]]


def _label(question: Question, value: str) -> str:
    option = question.option(value)
    return option.label["sv"] if option else value


def _readable(question: Question, way: int) -> str:
    """Something that the question can read: a date, a postcode, a number …"""
    child, adult = TODAY.year - 7 - way % 10, 1950 + way % 45
    tries = [f"{child}-04-17", f"{adult}-04-17", "12345", "643 30", "9", "årskurs 5", "ja", "3 mars 2020"]
    for text in random.Random(way).sample(tries[:2], 2) + tries[2:]:
        try:
            answer_types.read(question, text, "sv", TODAY)
        except answer_types.AnswerError:
            continue
        return text
    raise AssertionError(f"nothing is known that answers {question.slot} ({question.type})")


def _button(asked: Asked, action: str) -> str | None:
    return next((id for id in asked.buttons if id.startswith("d:") and id.split(":")[2] == action), None)


def _unknown(asked: Asked) -> str:
    """Something else than a question of the form: the first button leads on."""
    assert asked.buttons, asked
    return next((id for id in asked.buttons if id[:2] in ("a:", "d:", "m:")), next(iter(asked.buttons)))
