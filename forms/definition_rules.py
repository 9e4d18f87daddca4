"""What a definition must keep to, beyond its shape: languages, lengths, names, conditions that can hold.

The limits are those of the channels: a button's label and its data have few bytes, a message few characters.
"""

import re
from collections.abc import Iterator, Mapping

from forms.answer_types import TYPES, longest
from forms.conditions import AGES, Condition, comparisons
from forms.facts import FACTS
from forms.form import Form, Option, Question, Texts
from forms.reachability import circle
from forms.shapes import Problem

LANGUAGES = ("sv", "en")
CHANNELS = ("web", "telegram", "terminal")
LONGEST_MESSAGE = 4_096
"""Characters that a channel sends as one message, counted as Telegram does (an emoji is two)."""
AROUND = 596
"""Characters kept free in a message for what the bot says around a form's own text."""
LONGEST_TEXT = LONGEST_MESSAGE - AROUND
LONGEST_LABEL = 60
LONGEST_BUTTON = 64
"""Bytes behind a button."""
DRAFT_TOKEN = 10
"""Characters of the draft's token, which every button of a question carries."""
LONGEST_NAME = 24
"""Bytes of a slot or an option value; two of them and a draft's token share the 64 bytes behind a button."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_FITTING = {
    "is": ("choice", "yes_no"),
    "is_not": ("choice", "yes_no"),
    "any_of": ("choice", "multi_choice"),
    "none_of": ("choice", "multi_choice"),
    "below": ("school_year",),
    "above": ("school_year",),
    "younger_than": ("birth_date", "personnummer", "age"),
    "at_least": ("birth_date", "personnummer", "age"),
    "answered": TYPES,
}


def problems_in(form: Form) -> Iterator[Problem]:
    """What makes `form` unusable, each mistake by itself."""
    yield from ((None, reason) for reason in _of_form(form))
    earlier: dict[str, Question] = {}
    for question in form.questions:
        if question.slot in earlier:
            yield question.slot, "the slot is used by an earlier question"
        yield from ((question.slot, reason) for reason in _of_question(form, question, earlier))
        earlier[question.slot] = question
    yield from ((None, reason) for reason in _of_flags(form))


def _of_form(form: Form) -> Iterator[str]:
    if not _is_name(form.id, 40):
        yield f"the id {form.id!r} should be small ASCII letters, digits and _"
    if form.version < 1:
        yield "version should be 1 or more"
    yield from _of_texts("title", form.title, LONGEST_LABEL)
    for name in ("purpose", "information", "stop_text", "receipt"):
        yield from _of_texts(name, getattr(form, name))
    yield from _of_message(
        "the first message (title, purpose and information)", form.title, form.purpose, form.information
    )
    if not form.questions:
        yield "there are no questions"
    unknown = [channel for channel in form.channels if channel not in CHANNELS]
    if unknown or not form.channels:
        yield f"channels should be some of {', '.join(CHANNELS)}"


def _of_question(form: Form, question: Question, earlier: Mapping[str, Question]) -> Iterator[str]:
    if not _is_name(question.slot, LONGEST_NAME):
        yield f"a slot is at most {LONGEST_NAME} small ASCII letters, digits and _"
    if question.type not in TYPES:
        yield f"unknown type {question.type!r} (known: {', '.join(TYPES)})"
        return
    yield from _of_texts("label", question.label, LONGEST_LABEL)
    for name in ("text", "hint", "why"):
        texts = getattr(question, name)
        if texts is not None:
            yield from _of_texts(name, texts)
    yield from _of_message("the question (text and hint)", question.text, question.hint or {})
    yield from _of_options(form, question)
    yield from _of_limits(question)
    yield from _of_fact(question)
    if question.required and question.flag_when_skipped:
        yield "a required question is never skipped, so flag_when_skipped has no meaning"
    if question.when is not None:
        yield from _of_condition(form, "when", question, question.when, earlier)
    for notice in question.notices:
        if notice.text is None and notice.flag is None:
            yield "a notice has a text, a flag or both"
        if notice.offers is not None and notice.text is None:
            yield f"a notice that offers {notice.offers} has a text that says why"
        if notice.text is not None:
            yield from _of_texts("a notice", notice.text)
        yield from _of_condition(form, "a notice", question, notice.when, {**earlier, question.slot: question})


def _of_options(form: Form, question: Question) -> Iterator[str]:
    if question.type not in ("choice", "multi_choice"):
        if question.options:
            yield f"the type {question.type} has no options"
        return
    if len(question.options) < 2:
        yield "a choice has at least two options"
        return
    if all(option.stops for option in question.options):
        yield "at least one option must lead on"
    for option in question.options:
        yield from _of_option(form, question, option)
    values = [option.value for option in question.options]
    yield from (f"the option {value} is there twice" for value in sorted({v for v in values if values.count(v) > 1}))
    for language in LANGUAGES:
        labels = [option.label.get(language, "").casefold() for option in question.options]
        if len(set(labels)) < len(labels):
            yield f"two options have the same label in {language}"


def _of_option(form: Form, question: Question, option: Option) -> Iterator[str]:
    if not _is_name(option.value, LONGEST_NAME):
        yield f"the value {option.value!r} should be at most {LONGEST_NAME} small ASCII letters, digits and _"
    yield from _of_texts(f"the label of {option.value}", option.label, LONGEST_LABEL)
    buttons = [f"a:{'0' * DRAFT_TOKEN}:{question.slot}:+{option.value}"]
    buttons += [f"f:{form.id}:{question.slot}={option.value}"] if option.services else []
    if (most := max(len(button.encode()) for button in buttons)) > LONGEST_BUTTON:
        yield f"the button of {option.value} would carry {most} bytes; at most {LONGEST_BUTTON} fit"
    if option.stops and question.type != "choice":
        yield "only an option of a choice can stop the form"
    if option.stop_text is not None:
        if not option.stops:
            yield f"{option.value} has a stop_text but does not stop"
        yield from _of_texts(f"the stop_text of {option.value}", option.stop_text)


def _of_limits(question: Question) -> Iterator[str]:
    if question.minimum is None and question.maximum is None:
        return
    most = len(question.options) if question.type == "multi_choice" else longest(question.type)
    if most is None:
        yield f"the type {question.type} has no minimum and no maximum"
    elif not 1 <= (question.minimum or 1) <= (question.maximum or most) <= most:
        yield f"minimum and maximum should be between 1 and {most}, the smaller first"


def _of_fact(question: Question) -> Iterator[str]:
    if question.fact is None:
        return
    if question.fact not in FACTS:
        yield f"unknown fact {question.fact!r} (known: {', '.join(FACTS)})"
    elif question.type not in FACTS[question.fact]:
        fitting = ", ".join(FACTS[question.fact])
        yield f"the fact {question.fact} does not fit the type {question.type} (it fits {fitting})"


def _of_condition(
    form: Form, name: str, question: Question, condition: Condition, earlier: Mapping[str, Question]
) -> Iterator[str]:
    for one in comparisons(condition):
        asked = earlier.get(one.slot or "")
        if asked is None:
            waiting = circle(form, question, one.slot or "")
            round_about = f"; a circular condition: {' waits for '.join(waiting)}" if waiting else ""
            yield f"{name}: {one.slot} is not an earlier question{round_about}"
        elif asked.type not in _FITTING.get(one.operator, ()):
            yield f"{name}: {one.operator} does not fit {one.slot}, which is of type {asked.type}"
        else:
            yield from (f"{name}: {reason}" for reason in _of_comparison(one, asked))


def _of_comparison(one: Condition, question: Question) -> Iterator[str]:
    expected = one.expected
    if one.operator == "answered" or question.type == "yes_no":
        if not isinstance(expected, bool):
            yield f"{one.slot} {one.operator} should be true or false"
    elif one.operator in ("below", "above", *AGES):
        if isinstance(expected, bool) or not isinstance(expected, int):
            yield f"{one.slot} {one.operator} should be a whole number"
    elif isinstance(expected, tuple) != (one.operator in ("any_of", "none_of")):
        yield f"{one.slot} {one.operator}: any_of and none_of take a list of values, is and is_not one value"
    else:
        for value in expected if isinstance(expected, tuple) else (expected,):
            option = question.option(str(value))
            if option is None:
                yield f"{one.slot} has no option {value}"
            elif option.stops and one.operator in ("is", "any_of"):
                yield f"{one.slot} {value} stops the form, so nothing is asked after it"


def _of_flags(form: Form) -> Iterator[str]:
    used: set[str] = set()
    for question in form.questions:
        named = (
            question.flag_when_skipped,
            *(o.flag for o in question.options),
            *(n.flag for n in question.notices),
        )
        used.update(flag for flag in named if flag is not None)
    for flag in sorted(used - set(form.flag_labels)):
        yield f"the flag {flag} has no label in flag_labels"
    for flag in sorted(set(form.flag_labels) - used):
        yield f"flag_labels names {flag}, which nothing raises"
    for flag, label in form.flag_labels.items():
        if not _is_name(flag, 40):
            yield f"the flag {flag!r} should be small ASCII letters, digits and _"
        yield from _of_texts(f"the label of flag {flag}", label, LONGEST_LABEL)


def _of_texts(name: str, texts: Texts, longest_allowed: int = LONGEST_TEXT) -> Iterator[str]:
    for language in LANGUAGES:
        if not texts.get(language):
            yield f"{name} is missing in {language}"
    for language, text in texts.items():
        if not _LANGUAGE.fullmatch(language):
            yield f"{name}: {language!r} is not a language code"
        if len(text) > longest_allowed and longest_allowed < LONGEST_TEXT:
            yield f"{name} has {len(text)} characters in {language}; at most {longest_allowed} fit"
    if longest_allowed == LONGEST_TEXT:
        yield from _of_message(name, texts)


def _of_message(name: str, *parts: Texts) -> Iterator[str]:
    """Texts that are sent in one message, unless one of several is too long by itself."""
    for language in LANGUAGES:
        lengths = [_sent_length(part.get(language, "")) for part in parts]
        together = sum(lengths) + 2 * (len(parts) - 1)
        if together > LONGEST_TEXT and (len(parts) == 1 or max(lengths) <= LONGEST_TEXT):
            sent = together + AROUND
            yield f"{name} would be {sent} characters in {language} as it is sent; at most {LONGEST_MESSAGE} fit"


def _sent_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _is_name(text: str, most: int) -> bool:
    return _NAME.fullmatch(text) is not None and len(text) <= most
