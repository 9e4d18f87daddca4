"""Birth dates: a whole date, or a birthday with an age ("fyller tio den 3 maj").

What tells less than the day - an age, a year, a month - is never made into a date: the answer says what is missing.
"""

import re
from datetime import date

from forms.ages import read_age, read_number
from forms.answer_error import AnswerError
from forms.dates import OLDEST_AGE, find_date, full_year, month_name, month_number
from forms.texts import without_accents

_BIRTHDAY = re.compile(
    r"\b(?P<verb>fyller|blir|fyllde|blev|turns|turning|turned)\s+(?P<age>\w+)\s+(?:ar\s+|years?\s+)?(?:old\s+)?"
    r"(?:nu\s+|nasta\s+)?(?:(?:i|den|in|on|the)\b)?\s*(?P<rest>.+)"
)
_PAST = frozenset({"fyllde", "blev", "turned"})
_MONTH = re.compile(r"(?P<name>[a-z]{3,9})\.? ?[-']?(?P<year>\d{4}|\d{2})", re.ASCII)
_YEAR = re.compile(
    r"\b(?:fodd|fott|foddes|born)(?: (?:ar|i|in))? ?[-']?\d{2}\b|^[-']\d{2}$|\b(?:19|20)\d{2}\b", re.ASCII
)
_LEAP_YEAR = 2000
_LONGEST = 100


def read_birth_date(text: str, language: str, today: date) -> str:
    """A birth date as "YYYY-MM-DD": not after `today`, at most 120 years before it. Raises AnswerError."""
    try:
        born_on = find_date(text, language, today, born=True)
    except AnswerError as error:
        if error.key not in ("answer.date.invalid", "answer.date.no_year") or len(text) > _LONGEST:
            raise
        birthday = _by_birthday(text, language, today)
        if birthday is None:
            raise _what_is_missing(text, language, today, error) from None
        born_on = birthday
    if born_on > today:
        raise AnswerError("answer.birth_date.future")
    if born_on.year < today.year - OLDEST_AGE:
        raise AnswerError("answer.birth_date.too_old")
    return born_on.isoformat()


def _by_birthday(text: str, language: str, today: date) -> date | None:
    """The date behind "fyller tio den 3 maj", or None. Raises AnswerError when only the month is told."""
    match = _BIRTHDAY.search(without_accents(text).strip(" .!"))
    age = None if match is None else read_number(match["age"])
    if match is None or age is None:
        return None
    month = month_number(match["rest"])
    if month is not None:
        year = _year_of(match["verb"], (month, 31 if match["verb"] not in _PAST else 1), today) - age
        raise AnswerError("answer.date.no_day", given=f"{month_name(month, language)} {year}")
    try:
        birthday = find_date(f"{match['rest']} {_LEAP_YEAR}", language, today, born=False)
    except AnswerError:
        return None
    year = _year_of(match["verb"], (birthday.month, birthday.day), today) - age
    try:
        return birthday.replace(year=year)
    except ValueError:
        given = f"{birthday.day} {month_name(birthday.month, language)} {year}"
        raise AnswerError("answer.date.impossible", given=given) from None


def _year_of(verb: str, month_and_day: tuple[int, int], today: date) -> int:
    """The year of the birthday that is told of: the last one, or the next one."""
    this_day = (today.month, today.day)
    if verb in _PAST:
        return today.year if month_and_day <= this_day else today.year - 1
    return today.year if month_and_day >= this_day else today.year + 1


def _what_is_missing(text: str, language: str, today: date, error: AnswerError) -> AnswerError:
    """What a text that is no date tells instead, else the `error` that it gave."""
    if error.key == "answer.date.no_year":
        return error
    plain = without_accents(text).strip(" .!")
    told = _MONTH.search(plain)
    month = None if told is None else month_number(told["name"])
    if told is not None and month is not None:
        digits = told["year"]
        year = int(digits) if len(digits) == 4 else full_year(int(digits), today, born=True, month=month)
        return AnswerError("answer.date.no_day", given=f"{month_name(month, language)} {year}")
    if _YEAR.search(plain) and len(re.findall(r"\d+", plain)) == 1:
        return AnswerError("answer.birth_date.only_year")
    try:
        read_age(text, today)
    except AnswerError as other:
        return error if other.key == "answer.age.invalid" else AnswerError("answer.birth_date.age")
    return AnswerError("answer.birth_date.age")
