"""Which year of school a child is in, however it is said: "femman", "går i årskurs 5", "5b", "grade 5".

Stored as "0" (förskoleklass), "1" to "9", and "10" to "12" for the three years of gymnasiet.
"""

import re

from forms.answer_error import AnswerError
from forms.texts import fold, word_set

_NAMES = (
    ("ettan", "forsta", "forst", "ett", "first", "one"),
    ("tvaan", "andra", "tva", "second", "two"),
    ("trean", "tredje", "tre", "third", "three"),
    ("fyran", "fjarde", "fyra", "fourth", "four"),
    ("femman", "femte", "fem", "fifth", "five"),
    ("sexan", "sjatte", "sex", "sixth", "six"),
    ("sjuan", "sjunde", "sju", "seventh", "seven"),
    ("attan", "attonde", "atta", "eighth", "eight"),
    ("nian", "nionde", "nio", "ninth", "nine"),
)
_NUMBERS = {name: number for number, names in enumerate(_NAMES, start=1) for name in names}
_BEFORE_SCHOOL = re.compile(r"\b(forskoleklass\w*|f klass\w*|nollan|preschool)\b")
_GYMNASIET = re.compile(r"\b(gymnasi\w*|gy|gymn|high school|upper secondary)\b|\bgy(?=[1-3]\b)")
_AGE = re.compile(
    r"\b[0-9]{1,2} (ar|years?)( old)?$|\b[0-9]{1,2} (ar gammal|years? old)\b|\b[0-9]{1,2} ?(aring|arig)\b"
)
_SAID_TO_BE = re.compile(r"\b(är|fyller|is|turns)\s+[0-9]{1,2}$", re.IGNORECASE)
_DIGITS = re.compile(r"(?:ak|arskurs|klass|gy|ar|year|grade)?([0-9]{1,2})(?:an|or|e|st|nd|rd|th|[a-h])?")
_AROUND = word_set(
    """
    gar i pa borjar borjat borjade slutar slutade ska borja en den ett till nu snart precis just sommar sommaren
    host hosten var varen ar aret ak arskurs klass klassen skolan skola
    hon han hen barnet barn mitt min dotter dottern son sonen vart vi jag det
    is in the a he she they it my child daughter son will start starts year grade class school form of at
    b c d e f an
    """
)
"""Words that may stand around a school year; beside any other word the number may mean something else."""
_LONGEST = 100


def read_school_year(text: str) -> str:
    """The school year in `text`. Raises AnswerError, also for an age, which is not the same thing."""
    plain = fold(text) if len(text) <= _LONGEST else ""
    if plain in ("f", "fk", "0") or _BEFORE_SCHOOL.search(plain):
        return "0"
    if _AGE.search(plain) or _SAID_TO_BE.search(text.rstrip(" .!")):
        raise AnswerError("answer.school_year.age")
    gymnasiet = _GYMNASIET.search(plain) is not None
    words = _GYMNASIET.sub(" ", plain).split()
    told = words if len(words) == 1 else [word for word in words if not (word in _AROUND or word.endswith("skolan"))]
    numbers = {_number(word) for word in told}
    if len(numbers) != 1 or (number := numbers.pop()) is None or not 1 <= number <= (3 if gymnasiet else 9):
        raise AnswerError("answer.school_year.invalid")
    return str(number + (9 if gymnasiet else 0))


def _number(word: str) -> int | None:
    match = _DIGITS.fullmatch(word)
    return int(match[1]) if match is not None else _NUMBERS.get(word)


def show_school_year(value: str, language: str) -> str:
    """A stored school year as it stands after the label "Årskurs": "5", "gymnasiet, år 2"."""
    year, english = int(value), language == "en"
    if year == 0:
        return "preschool class (förskoleklass)" if english else "förskoleklass"
    if year > 9:
        return f"upper secondary school, year {year - 9}" if english else f"gymnasiet, år {year - 9}"
    return value
