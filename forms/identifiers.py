"""Answers with rules that others keep: telephone numbers, mail addresses, personnummer and postcodes.

The rules are those of phonenumbers, email-validator and personnummer; here is only what people put around
them.
"""

import re
from datetime import date

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from personnummer.personnummer import (
    Personnummer,
    PersonnummerException,
)

from forms.answer_error import AnswerError
from forms.dates import full_year, looks_like_date

REGION = "SE"
_LONGEST = 200
"""Characters; what is longer is prose, and no library needs to look at it."""
_PERSONNUMMER = re.compile(r"(?P<century>[0-9]{2})?(?P<date>[0-9]{6})(?P<sign>[-+]?)(?P<last>[0-9]{4})")
_BLANKS = re.compile(r" (?=[-+0-9])|(?<=[-+]) ")
_DATE_ONLY = re.compile(r"([0-9]{2})?[0-9]{6}[-+]?[0-9]{0,3}")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_POSTCODE = re.compile(r"(?:SE?[- ]?)?([1-9][0-9]{2}) ?([0-9]{2})", re.IGNORECASE)


def read_phone(text: str) -> str:
    """A number as E.164 ("+46701740605"), Swedish when it has no country code. Raises AnswerError."""
    text = text.translate(_DASHES)
    if len(text) > _LONGEST:
        raise AnswerError("answer.phone.invalid")
    if not any(character.isalpha() for character in text):
        try:
            return _checked(phonenumbers.parse(text, REGION))
        except phonenumbers.NumberParseException:
            pass
    found = list(phonenumbers.PhoneNumberMatcher(text, REGION))
    if len(found) > 1:
        raise AnswerError("answer.phone.several")
    if not found or re.search(r"\d", text[: found[0].start] + text[found[0].end :]):
        raise AnswerError("answer.phone.invalid")
    return _checked(found[0].number)


def _checked(number: phonenumbers.PhoneNumber) -> str:
    possible = phonenumbers.is_possible_number(number) and phonenumbers.is_valid_number(number)
    if number.extension or not possible:
        raise AnswerError("answer.phone.invalid")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def show_phone(value: str) -> str:
    """A stored number as people write it: "070-174 06 05", foreign ones with their country code."""
    number = phonenumbers.parse(value)
    home = phonenumbers.region_code_for_number(number) == REGION
    style = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)


def read_email(text: str) -> str:
    """The one mail address in `text`, its domain in small letters. Raises AnswerError."""
    if len(text) > 2 * _LONGEST:
        raise AnswerError("answer.email.invalid")
    words = (word for word in text.split() if "@" in word)
    candidates = [word.strip("<>()[]{},;:.!?\"'").removeprefix("mailto:") for word in words]
    if len(candidates) != 1:
        raise AnswerError("answer.email.several" if len(set(candidates)) > 1 else "answer.email.invalid")
    try:
        return validate_email(candidates[0], check_deliverability=False, allow_smtputf8=False).normalized
    except EmailNotValidError:
        raise AnswerError("answer.email.invalid") from None


def read_personnummer(text: str, today: date) -> str:
    """A personnummer or samordningsnummer as twelve ASCII digits. Raises AnswerError.

    A date alone, however it is written, is a number that is not complete: the resident may skip the question.
    Without a century the latest one that is not after `today` is meant, and with "+" the one before that.
    """
    compact = _BLANKS.sub("", text.translate(_DASHES))
    match = _PERSONNUMMER.fullmatch(compact)
    if match is None:
        incomplete = _DATE_ONLY.fullmatch(compact) is not None or looks_like_date(text, today)
        raise AnswerError("answer.personnummer.incomplete" if incomplete else "answer.personnummer.invalid")
    year, month, day = (int(match["date"][position : position + 2]) for position in (0, 2, 4))
    if match["century"] is None:
        year = full_year(year, today, born=True, month=month, day=day % 60)
        year -= 100 if match["sign"] == "+" else 0
    else:
        year += 100 * int(match["century"])
    digits = f"{year:04}{match['date'][2:]}{match['last']}"
    try:
        born_on = Personnummer(digits).get_date()
    except (PersonnummerException, ValueError):
        raise AnswerError("answer.personnummer.wrong_digit") from None
    if born_on > today:
        raise AnswerError("answer.personnummer.future")
    return digits


def show_personnummer(value: str) -> str:
    """A stored personnummer with its hyphen: "YYYYMMDD-NNNN"."""
    return f"{value[:8]}-{value[8:]}"


def read_postcode(text: str) -> str:
    """A Swedish postcode as five digits. Raises AnswerError."""
    match = _POSTCODE.fullmatch(text)
    if match is None:
        raise AnswerError("answer.postcode.invalid")
    return match[1] + match[2]


def show_postcode(value: str) -> str:
    """A stored postcode as it is written: "685 30"."""
    return f"{value[:3]} {value[3:]}"
