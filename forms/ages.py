"""Ages: how old somebody is on a day, and an age as people write it: "nio", "hon är 9 år", "fyller tio i maj".

Stored as whole years in digits. What is compared with an age limit may be a birth date, a personnummer or an age.
"""

import re
from datetime import date

from forms.answer_error import AnswerError
from forms.dates import OLDEST_AGE, month_number
from forms.texts import fold, word_set

_WORDS = (
    """noll ett tva tre fyra fem sex sju atta nio tio elva tolv tretton fjorton femton sexton sjutton arton nitton
    tjugo""",
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty""",
)
NUMBERS = {word: number for words in _WORDS for number, word in enumerate(words.split())}
"""Folded word -> number, in both languages."""
_ARTICLES = word_set("en ett")
"""Mean one only where no other number stands: "en tioåring"."""
_AROUND = word_set(
    """
    hon han hen barnet barn mitt min var vart dotter dottern son sonen jag det den ar redan nu bara precis i pa och
    fyllt gammal gammalt aldern alder arig aring aringen en ett
    she he they my our child daughter son is i am the years year old yo now already just aged age a in of
    """
)
"""Words that may stand around an age; beside any other word the number may mean something else."""
_NOT_YET = word_set("fyller blir snart nastan strax turns turning soon almost nearly")
_HALF = re.compile(r"\b(?:och (?:ett |en )?halvt?|and a half)\b")
_MONTHS = re.compile(r"\b(?P<number>\w+) (?:manader|manad|months?)\b")
_GLUED = re.compile(r"(?P<number>[0-9]{1,3}|[a-z]+?)(?:arig|aring|aringen)")
_LONGEST = 100
_PERSONNUMMER = re.compile(r"[0-9]{12}", re.ASCII)


def age_on(value: object, on: date | None) -> int | None:
    """Whole years on the day `on` of a stored birth date, personnummer or age; None when that cannot be told."""
    if not isinstance(value, str):
        return None
    if len(value) <= 3 and value.isascii() and value.isdigit():
        return int(value)
    born = value
    if _PERSONNUMMER.fullmatch(value):
        born = f"{value[:4]}-{value[4:6]}-{int(value[6:8]) % 60:02}"
    try:
        return None if on is None else years_between(date.fromisoformat(born), on)
    except ValueError:
        return None


def years_between(born: date, on: date) -> int:
    """Whole years from `born` to `on`; somebody born on 29 February grows older on 1 March."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def read_age(text: str, today: date) -> str:
    """The age in `text` in whole years, as digits. Raises AnswerError.

    Somebody who turns ten in May is nine until then; in May itself nobody can tell, so it is asked again.
    """
    plain = _HALF.sub(" ", fold(text)) if len(text) <= _LONGEST else ""
    in_months = _MONTHS.search(plain)
    words = _MONTHS.sub(" ", plain).split()
    numbers = {number for word in words if (number := read_number(word)) is not None}
    if in_months and not numbers:
        number = read_number(in_months["number"])
        numbers = set() if number is None else {number // 12}
    if not numbers and not in_months and _ARTICLES & set(words):
        numbers = {1}
    rest = [word for word in words if read_number(word) is None and word not in _AROUND | _NOT_YET]
    months = [month_number(word) for word in rest]
    if len(numbers) != 1 or None in months or len(months) > 1 or max(numbers) > OLDEST_AGE:
        raise AnswerError("answer.age.invalid")
    not_yet = not _NOT_YET.isdisjoint(words)
    if months and (not not_yet or months == [today.month]):
        raise AnswerError("answer.age.unclear")
    return str(max(numbers.pop() - not_yet, 0))


def read_number(word: str) -> int | None:
    """The number that one folded word is, in digits or letters ("9", "nio", "nioaring"); None for any other word."""
    glued = _GLUED.fullmatch(word)
    word = glued["number"] if glued else word
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 3 else NUMBERS.get(word)


def show_age(value: str, language: str) -> str:
    """A stored age in words: "9 år", "9 years"."""
    return f"{value} years" if language == "en" else f"{value} år"
