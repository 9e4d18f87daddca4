"""What a submission is found by: keyed fingerprints of the names and numbers in it, never those themselves.

Each kind has a purpose of its own, so that nothing of one kind is found by another. Which answers are names and numbers
is told by the caller; a search through them is in `search`, and the submissions from before are in `lookups_owed`.

Two spellings of a name are the same when they differ in capitals, blanks, hyphens, punctuation or accents. The letters
å, ä and ö are no accented a and o: they tell Swedish names apart ("Hall", "Håll"), so "Åsa" is not found as "Asa". The
Danish and Norwegian ø and æ count as ö and ä.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.encryption import Keyring
from storage.lookup_tables import SubmissionLookupRow

NAME: Final = "name"
NUMBER: Final = "number"
CASE: Final = "case"
KINDS: Final = (NAME, NUMBER, CASE)
"""A name or a word of one; a personnummer or samordningsnummer; the municipality's own number for a case."""
SHORTEST_WORD: Final = 2
"""Letters. A shorter word, an initial for instance, is found with the whole name it is part of."""

_APOSTROPHES: Final = re.compile("['`´’‘ʼ]")
_SWEDISH: Final = frozenset("åäö")
_LETTERS: Final = str.maketrans({"ø": "ö", "æ": "ä", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def name_words(name: str) -> tuple[str, ...]:
    """The words of a name in one spelling: "  ÅSA Öberg-Nuñez" is ("åsa", "öberg", "nunez")."""
    plain = "".join(map(_letter, _composed(_APOSTROPHES.sub("", name)).translate(_LETTERS)))
    kinds = ((one, unicodedata.category(one)) for one in plain)
    return tuple("".join(one if kind[0] in "LMN" else " " for one, kind in kinds if kind != "Cf").split())


def name_keys(keyring: Keyring, name: str) -> frozenset[str]:
    """What a name is found by: the whole of it, and each of its words."""
    words = name_words(name)
    whole = [" ".join(words)] if words else []
    return frozenset(_key(keyring, NAME, one) for one in (*whole, *filter(_is_long_enough, words)))


def wanted_name_keys(keyring: Keyring, text: str) -> frozenset[str]:
    """What a submission must have, all of it, to be found by a name: each word, in any order; with a word that is too
    short, the whole name as it stands. Empty for a text without words.
    """
    words = name_words(text)
    if not all(map(_is_long_enough, words)):
        words = (" ".join(words),)
    return frozenset(_key(keyring, NAME, word) for word in words)


def number_key(keyring: Keyring, number: str) -> str:
    """What a personnummer or samordningsnummer of twelve digits is found by, however they are grouped."""
    return _key(keyring, NUMBER, re.sub("[^0-9]", "", number))


def case_key(keyring: Keyring, number: str) -> str:
    """What a case number is found by: exactly, but for blanks and capitals."""
    return _key(keyring, CASE, "".join(_composed(number).split()))


def write(session: Session, submission_id: int, *, names: Iterable[str] = (), numbers: Iterable[str] = ()) -> None:
    """From now on the submission is found by these, too. In the caller's transaction, which has made or locked its
    row.
    """
    keyring: Keyring = session.info["keyring"]
    found = {key: NAME for name in names for key in name_keys(keyring, name)}
    _add(session, submission_id, found | {number_key(keyring, number): NUMBER for number in numbers})


def set_case_number(session: Session, submission_id: int, number: str | None) -> None:
    """The submission is found by this case number and by no other. In the caller's transaction, as `write`."""
    table = SubmissionLookupRow
    session.execute(delete(table).where(table.submission_id == submission_id, table.kind == CASE))
    if number is not None:
        _add(session, submission_id, {case_key(session.info["keyring"], number): CASE})


def _add(session: Session, submission_id: int, found: Mapping[str, str]) -> None:
    if not found:
        return
    table = SubmissionLookupRow
    there = set(session.scalars(select(table.value_key).where(table.submission_id == submission_id)))
    rows = [table(submission_id=submission_id, value_key=key, kind=found[key]) for key in sorted(found.keys() - there)]
    session.add_all(rows)
    session.flush()


def _key(keyring: Keyring, kind: str, text: str) -> str:
    return keyring.fingerprint(text, f"submission_lookups:{kind}")


def _is_long_enough(word: str) -> bool:
    return len(word) >= SHORTEST_WORD


def _composed(text: str) -> str:
    """Without capitals, and each letter with its marks as one sign, in the one way there is."""
    small = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).casefold()
    return unicodedata.normalize("NFKC", small)


def _letter(letter: str) -> str:
    if letter in _SWEDISH:
        return letter
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in parts if not unicodedata.combining(part))
