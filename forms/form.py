"""What a form is: questions with texts in several languages, and what may be answered.

Only data and look-ups. `loader` makes forms from YAML, `answer_types` reads answers, `journey` walks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from forms.conditions import Condition

Texts = Mapping[str, str]
"""A text in each language, by language code: {"sv": "Hej", "en": "Hello"}."""

FALLBACK_LANGUAGE = "sv"


def in_language(texts: Texts, language: str) -> str:
    """The text in `language`, or in Swedish where there is no such translation."""
    return texts.get(language, texts[FALLBACK_LANGUAGE])


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be chosen."""

    value: str
    """What is stored: ASCII, at most 24 bytes."""
    label: Texts
    """What the button says, at most 60 characters."""
    words: tuple[str, ...] = ()
    """Other ways to type the same thing, in any language."""
    services: tuple[str, ...] = ()
    """The services (by id) that this option stands for, so that it can be filled in ahead."""
    flag: str | None = None
    """Raised for the staff when this is chosen."""
    stops: bool = False
    """Choosing this ends the form: nothing is sent and nothing may be kept."""
    stop_text: Texts | None = None
    """Said instead of the form's own `stop_text`, when this stopping option is chosen."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that follows from an answer: a text for the resident, a flag for the staff, or both."""

    when: Condition
    """May refer to the question it stands under, and to earlier ones."""
    text: Texts | None = None
    flag: str | None = None
    offers: str | None = None
    """The id of another form that may fit better; the text says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question; its answer fills one slot."""

    slot: str
    type: str
    """One of `answer_types.TYPES`."""
    label: Texts
    """What the answer is called in a summary: "Ditt namn", at most 60 characters."""
    text: Texts
    hint: Texts | None = None
    why: Texts | None = None
    """"Varför frågar ni?": what the answer is used for, and who reads it."""
    options: tuple[Option, ...] = ()
    """For choice and multi_choice; a yes_no question has none."""
    required: bool = False
    when: Condition | None = None
    """Asked only when this holds; None = always."""
    minimum: int | None = None
    """Fewest characters (text, long_text) or fewest options (multi_choice)."""
    maximum: int | None = None
    """Most characters or options, in the same way."""
    flag_when_skipped: str | None = None
    notices: tuple[Notice, ...] = ()
    sensitive: bool = False
    """The answer may tell about somebody's private life: never in a list, a title or a preview."""
    fact: str | None = None
    """Which kind of fact fills it when somebody says several things at once; one of `facts.FACTS`."""
    about_child: bool = False
    """Asked anew for each child; everything else can be reused in a sibling's application."""
    private: bool = False
    """For staff alone: no other resident who helps with the same application, such as the other guardian, sees it."""
    childs_voice: bool = False
    """The child's own words, written by the child or for it: shown apart from what others say."""

    def option(self, value: str) -> Option | None:
        """The option stored as `value`, or None."""
        return next((option for option in self.options if option.value == value), None)


@dataclass(frozen=True, slots=True)
class Form:
    """One form, in all its languages."""

    id: str
    version: int
    title: Texts
    purpose: Texts
    """One or two sentences: who the form is for."""
    information: Texts
    """How the answers are handled (GDPR article 13), shown before the first question."""
    stop_text: Texts
    """Said when a stopping option is chosen; sends the resident to the telephone."""
    receipt: Texts
    """What happens next, said together with the reference."""
    questions: tuple[Question, ...]
    channels: tuple[str, ...]
    """Where the form may be filled in unless the municipality has decided otherwise."""
    flag_labels: Mapping[str, Texts] = field(default_factory=dict)
    """What each flag of this form is called on the staff's pages."""

    def question(self, slot: str) -> Question | None:
        """The question that fills `slot`, or None."""
        return next((question for question in self.questions if question.slot == slot), None)
