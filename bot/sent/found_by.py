"""What staff can find a submission by, beside the answers to its questions: names and numbers in what is added to it.

In free text a name counts only where the sentence says that it is one ("hon heter …"), or where the text is nothing but
names and numbers: no other word of an addition can be searched for.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from functools import cache, lru_cache

from bot.facts.finding import find_facts
from bot.facts.names import folded, name_words
from bot.scene import STOCKHOLM
from bot.wording import Wording, load_wordings
from forms.form import Form
from forms.identities import Identities, identities_in, number_in, split_names
from forms.loader import FormDefinitionError, form_from_snapshot
from storage import addition_rows, leadership, lookups_owed
from storage.database import Database
from storage.form_snapshots import Snapshot
from storage.lookups_owed import Earlier, Made, NamesAndNumbers

LEASE_SECONDS = 30 * 60
"""For how long another process waits for one that is at it, when it has been killed or hangs."""
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_NUMBERS = re.compile(r"[0-9][0-9 +–−-]*")
_LONGEST_NAME = 5
"""Words."""


def told(text: str, language: str, today: date, municipalities: Collection[str] = ()) -> Identities:
    """The names and numbers that a free text tells. `municipalities`: names that are no people's."""
    facts = find_facts(text, language, today, municipalities=municipalities)
    names = [name for fact in facts if fact.kind == "name" for name in split_names(fact.value)]
    parts = [part for line in _NUMBERS.split(text) for part in split_names(line)]
    names += parts if all(map(_is_a_name, parts)) else []
    numbers = [number_in(fact.value, today) for fact in facts if fact.kind == "personnummer"]
    return Identities(tuple(names), tuple(number for number in numbers if number is not None))


def told_earlier(earlier: Earlier, wordings: Mapping[str, Wording]) -> NamesAndNumbers:
    """The names and numbers in a submission from before they were kept as look-ups."""
    try:
        found = identities_in(_form_of(earlier.form), earlier.answers)
    except FormDefinitionError:  # a form of a shape that is read no more: its submission is found by reference
        found = Identities()
    names, numbers = [*found.names], [*found.numbers]
    labels = _guardians_labels(wordings)
    for added in earlier.additions:
        if added.kind in (addition_rows.APPROVED, addition_rows.DECLINED):
            names += [added.by] if added.by and added.by not in labels else []
        elif added.text:
            day = added.added_at.astimezone(STOCKHOLM).date()
            more = told(added.text, earlier.language, day)
            names, numbers = [*names, *more.names], [*numbers, *more.numbers]
    return names, numbers


def catch_up(database: Database) -> Made | None:
    """Make every submission from before findable; None: another process is at it. Raises DatabaseError."""
    wordings = cache(load_wordings)  # only read where something is owed
    with leadership.held(database, "lookups", LEASE_SECONDS) as mine:
        return lookups_owed.make(database, lambda earlier: told_earlier(earlier, wordings())) if mine else None


@lru_cache(maxsize=64)
def _form_of(snapshot: Snapshot) -> Form:
    """Many submissions are of one form, which takes long to read. Raises FormDefinitionError."""
    return form_from_snapshot(snapshot)


def _is_a_name(text: str) -> bool:
    """Whether a text is one name and nothing else: a known first name, or some words with a capital each."""
    words = _WORD.findall(text)
    known = name_words()
    plain = [folded(word) for word in words]
    if not 0 < len(words) <= _LONGEST_NAME or re.sub(r"[\s.]", "", text) != "".join(words):
        return False
    if len(words) == 1:
        return plain[0] in known.first_names and plain[0] not in known.no_names
    if plain[-1] in known.no_names:
        return False
    return all(word[0].isupper() or folded(word) in known.particles for word in words)


def _guardians_labels(wordings: Mapping[str, Wording]) -> frozenset[str]:
    """What a guardian who gave no name is called."""
    called = {say("baton.called", number=number) for say in wordings.values() for number in (1, 2)}
    return frozenset(called | {say("baton.called_one") for say in wordings.values()})
