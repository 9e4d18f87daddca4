"""From facts to answers: which questions of a form the facts in a text may fill, read as answers are.

Whose a fact is decides: somebody's own child is the child that a form is about only where its guardian writes. What is
done with the values is left to `form.proposing` and `form.correcting`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.facts.finding import Fact, find_facts
from bot.facts.names import folded, name_words
from bot.facts.rules import load_rules
from bot.scene import Scene
from forms.answer_error import AnswerError
from forms.answer_types import fits, read
from forms.conditions import Answers, Value
from forms.form import Form, Question
from forms.journey import Journey

OLDEST_CHILD = 21
GUARDIAN = frozenset({"vardnadshavare"})
SELF = frozenset({"barnet", "ung_15_17", "ung_12_14", "vuxen_sjalv"})
"""Values of the question who fills in, for those who write about themselves."""

_KINDS: Mapping[str, tuple[str, ...]] = {
    "writer_place": ("place", "municipality"),
    "writer_birth_date": ("date",),
    "child_birth_date": ("date",),
    "other_guardian_name": ("name",),
    "interpreter_language": ("interpreter_language",),
}
"""What a question may be filled with, where it is not the last words of its fact's name."""
_SMALL = frozenset({"och", "o", "and", "samt", "von", "af", "van", "der", "de", "la", "el", "al", "bin", "i"})


def facts_in(scene: Scene, text: str, question: Question | None = None) -> tuple[Fact, ...]:
    """The facts in a text, with the municipalities that the bot knows.

    In an answer to `question` the person whom nobody names is the one it asks about, and what it asks for needs no cue.
    """
    places = [place.names["sv"].split(" ")[0] for place in scene.tools.library.municipalities if place.id != "annan"]
    whose, _, kind = (question.fact or "").partition("_") if question else ("", "", "")
    facts = find_facts(text, scene.language, scene.today, municipalities=places, awaited=kind or None)
    if whose not in ("writer", "child"):
        return facts
    return tuple(replace(one, whose=whose, sure=True) if one.whose == "unknown" else one for one in facts)


def values_for(scene: Scene, form: Form, facts: Sequence[Fact]) -> dict[str, Value]:
    """Slot -> value for the unanswered questions of `form` that the facts fill, each read as an answer would be.

    Two different values for one question are none. Somebody's own child is the child that a form is about only where
    they write as its guardian.
    """
    answers = dict(scene.draft.answers) if scene.draft else {}
    sure = [fact for fact in facts if fact.sure]
    found: dict[str, Value] = {}
    role_question = next((question for question in form.questions if question.fact == "writer_role"), None)
    role = answers.get(role_question.slot) if role_question else None
    if role_question and role_question.slot not in answers:
        role = _value(scene, role_question, [fact.value for fact in sure if fact.kind == "role"])
    about_a_child = any((question.fact or "").startswith("child_") for question in form.questions)
    for question in form.questions:
        if question.fact is None or is_answered(question, answers):
            continue
        texts = _texts(question, sure, str(role) if role else None, about_a_child)
        value = _value(scene, question, texts)
        secret = question.type == "personnummer"
        if value is not None and (not secret or _asks_for(scene, form, {**found, **answers}, question)):
            found[question.slot] = value
    return found


def _asks_for(scene: Scene, form: Form, answers: Answers, question: Question) -> bool:
    """Whether the path that these answers lead to asks this question."""
    return scene.draft is not None and is_led_to(Journey(form, answers, scene.today), question.slot)


def _texts(question: Question, facts: Sequence[Fact], role: str | None, about_a_child: bool) -> list[str]:
    """The pieces of text that may be this question's answer."""
    fact = question.fact or ""
    if fact == "household":
        return [] if about_a_child else _household(facts)
    whose, _, kind = fact.partition("_")
    if whose not in ("writer", "child"):
        whose, kind = ("adult", "name") if fact == "other_guardian_name" else ("writer", fact)
    kinds = _KINDS.get(fact, (kind,))
    owners = _owners(role) if whose == "child" else {whose}
    if kind == "personnummer":
        owners.add("unknown")
    told = [one for kind in kinds for one in facts if one.kind == kind and one.whose in owners]
    if fact == "child_age":
        told = [one for one in told if not one.value.isdigit() or int(one.value) <= OLDEST_CHILD]
    if told and len(kinds) > 1:
        told = [one for one in told if one.kind == told[0].kind]
    return [as_written(one) for one in told]


def _owners(role: str | None) -> set[str]:
    """Whose facts are those of the child that a form is about, by who fills it in."""
    if role is None or role in GUARDIAN:
        return {"child", "household"}
    return {"writer"} if role in SELF else {"child"}


def _household(facts: Sequence[Fact]) -> list[str]:
    """All that is told of who lives together, as one answer; two who give their names together are two grown-ups."""
    told = [fact.value for fact in facts if fact.kind == "household"]
    two = any(fact.kind == "name" and fact.whose == "writer" and fact.people == 2 for fact in facts)
    children = any(load_rules().children.search(folded(value)) for value in told)
    return [", ".join([*(["två vuxna"] if two else []), *told, *(["barn"] if children else [])])] if told else []


def as_written(fact: Fact) -> str:
    """The value; a name or place in small letters only, as on a telephone, with its capitals."""
    if fact.kind not in ("name", "place", "municipality", "school") or fact.value != fact.value.lower():
        return fact.value
    words = fact.value.split(" ")
    if fact.kind == "school":
        return " ".join([words[0].capitalize(), *words[1:]])
    return " ".join(word if word in _SMALL else word.capitalize() for word in words)


def _value(scene: Scene, question: Question, texts: Sequence[str]) -> Value:
    """The one value that all the texts are read as; None when there is none, or more than one. Never one that stops."""
    values: list[Value] = []
    for text in dict.fromkeys(texts):
        if any(text != other and text.casefold() in other.casefold() for other in texts):
            continue
        try:
            value = read(question, text, scene.language, scene.today)
        except AnswerError:
            continue
        if value not in values:
            values.append(value)
    if len(values) != 1:
        return None
    chosen = values[0] if isinstance(values[0], list) else [values[0]]
    return None if any(option.stops for option in question.options if option.value in chosen) else values[0]


def answer_in(scene: Scene, question: Question, text: str) -> str:
    """The answer in a text that says nothing else: "Amir Ek" in "jag heter Amir Ek"; any other text as it is."""
    facts = facts_in(scene, text)
    if question.type != "text" or not facts or scene.form is None or left_over(text, facts):
        return text
    found = _one_question(scene, question, facts)
    return found if found is not None and len(facts) == 1 else text


def _one_question(scene: Scene, question: Question, facts: Sequence[Fact]) -> str | None:
    assert scene.form is not None and scene.draft is not None
    rest = {slot: value for slot, value in scene.draft.answers.items() if slot != question.slot}
    value = values_for(scene.with_draft(replace(scene.draft, answers=rest)), scene.form, facts).get(question.slot)
    return value if isinstance(value, str) else None


def left_over(text: str, facts: Sequence[Fact]) -> list[str]:
    """The words of a text that no fact explains, small words aside."""
    small = name_words().no_names
    words = re.finditer(r"[^\W_]+", text)
    return [
        word[0]
        for word in words
        if folded(word[0]) not in small and not any(one.start <= word.start() < one.end for one in facts)
    ]


def can_be_read(scene: Scene, question: Question, text: str) -> bool:
    """Whether a text is an answer to a question as it stands."""
    try:
        read(question, text, scene.language, scene.today)
    except AnswerError:
        return False
    return True


def is_answered(question: Question, answers: Answers) -> bool:
    """Whether there is an answer that fits the question; skipped is an answer too."""
    return question.slot in answers and fits(question, answers[question.slot])


def is_led_to(journey: Journey, slot: str) -> bool:
    """Whether the answers lead to the question of a slot, as far as they can tell."""
    try:
        journey.position(slot)
    except KeyError:
        return False
    return True
