"""Dates as people write them: 2014-04-03, 3/4-14, den 3 april 2014, 140403, April 3rd, 2014.

Day comes before month, as in Sweden, whatever the language. Two readings are never chosen between: the
resident is asked for the year with four digits instead.
"""

import re
from collections.abc import Iterator
from datetime import date

from forms.answer_error import AnswerError
from forms.texts import without_accents

MONTHS = {
    "sv": (
        *("januari", "februari", "mars", "april", "maj", "juni"),
        *("juli", "augusti", "september", "oktober", "november", "december"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}
OLDEST_AGE = 120
"""Years; nobody is older, so what says so is a slip of the finger."""

_VERY_OLD = 90
"""Years; two digits that give such an age are more often a slip than somebody born then."""

_SHORTEST_MONTH = 3
"""Letters: "maj"."""
_LEAD = re.compile(r"^(?:(?:den|fodd|ar|is|was|born|on|the|han|hon|hen|barnet|jag|i|he|she|it|det|am)\b\s*)+")
_YEAR = r"'?(?P<year>\d{4}|\d{2})"
_PATTERNS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?P<year>\d{4}) ?[-/. ] ?(?P<month>\d{1,2}) ?[-/. ] ?(?P<day>\d{1,2})",
        r"(?P<year>\d{4}|\d{2})(?P<month>\d{2})(?P<day>\d{2})",
        r"(?P<day>\d{1,2}) ?[-/. ] ?(?P<month>\d{1,2}) ?[-/., ] ?-?" + _YEAR,
        r"(?P<day>\d{1,2})[:.]?(?:e|a|st|nd|rd|th)?\.? (?:of )?(?P<name>[a-z]{3,9})\.?,? ?" + _YEAR,
        r"(?P<name>[a-z]{3,9})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,? " + _YEAR,
    )
)
_YEAR_FIRST = re.compile(r"(?P<year>\d{2})-(?P<month>\d{2})-(?P<day>\d{2})", re.ASCII)
_NO_YEAR = re.compile(
    r"\d{1,2} ?[-/. ] ?\d{1,2}|\d{1,2}[:.]?[a-z]{0,2} [a-z]{3,9}|[a-z]{3,9} \d{1,2}[a-z]{0,2}", re.ASCII
)


def read_date(text: str, language: str, today: date) -> str:
    """The date in `text` as "YYYY-MM-DD". Raises AnswerError."""
    return find_date(text, language, today, born=False).isoformat()


def show_date(value: str, language: str) -> str:
    """A stored date as people write it: "3 april 2014"."""
    day = date.fromisoformat(value)
    return f"{day.day} {month_name(day.month, language)} {day.year}"


def is_date(value: str) -> bool:
    """Whether `value` is a date as it is stored: "YYYY-MM-DD"."""
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def looks_like_date(text: str, today: date) -> bool:
    """Whether `text` is meant as a date, be it one that `read_birth_date` has something to say about."""
    try:
        find_date(text, "sv", today, born=True)
    except AnswerError as error:
        return error.key != "answer.date.invalid"
    return True


def full_year(two_digits: int, today: date, *, born: bool, month: int = 1, day: int = 1) -> int:
    """The year two digits mean: for a birth the latest that is not in the future, else the nearest."""
    century = today.year - today.year % 100
    if not born:
        candidates = (century + step + two_digits for step in (-100, 0, 100))
        return min(candidates, key=lambda year: abs(year - today.year))
    year = century + two_digits
    return year - 100 if (year, month, day) > (today.year, today.month, today.day) else year


def find_date(text: str, language: str, today: date, *, born: bool) -> date:
    """The date in `text`; two digits mean a year of birth when `born`. Raises AnswerError."""
    plain = _LEAD.sub("", without_accents(text)).strip(" .!,")
    readings = list(_readings(plain))
    if not readings:
        raise AnswerError("answer.date.no_year" if _names_a_day(plain) else "answer.date.invalid")
    possible: list[date] = []
    for digits, month, day in readings:
        year = int(digits)
        if len(digits) == 2:
            year = full_year(year, today, born=born, month=month, day=day)
            if born and today.year - year >= _VERY_OLD:
                raise AnswerError("answer.date.ambiguous")
        try:
            possible.append(date(year, month, day))
        except ValueError:
            continue
    if not possible:
        digits, month, day = readings[0]
        if not 1 <= month <= 12:
            raise AnswerError("answer.date.invalid")
        raise AnswerError("answer.date.impossible", given=f"{day} {month_name(month, language)} {digits}")
    if len(set(possible)) > 1:
        raise AnswerError("answer.date.ambiguous")
    if not born and not 1900 <= possible[0].year <= 2199:
        raise AnswerError("answer.date.invalid")
    return possible[0]


def _readings(plain: str) -> Iterator[tuple[str, int, int]]:
    """Every way to read `plain` as (digits of the year, month, day)."""
    year_first = _YEAR_FIRST.fullmatch(plain)
    if year_first is not None:
        yield year_first["year"], int(year_first["month"]), int(year_first["day"])
    for pattern in _PATTERNS:
        match = pattern.fullmatch(plain)
        if match is None:
            continue
        found = match.groupdict()
        month = month_number(found["name"]) if "name" in found else int(found["month"])
        if month is not None:
            yield found["year"], month, int(found["day"])
            return


def _names_a_day(plain: str) -> bool:
    words = re.findall("[a-z]{3,}", plain)
    return _NO_YEAR.fullmatch(plain) is not None and all(month_number(word) is not None for word in words)


def month_number(word: str) -> int | None:
    """The month that a folded word begins ("apr"), or None."""
    if len(word) < _SHORTEST_MONTH:
        return None
    for names in MONTHS.values():
        for number, name in enumerate(names, start=1):
            if name.lower().startswith(word):
                return number
    return None


def month_name(month: int, language: str) -> str:
    """What a month (1 to 12) is called."""
    return MONTHS.get(language, MONTHS["sv"])[month - 1]
