"""How far along somebody is, computed from the form and the answers; nothing about progress is ever stored.

The walk goes through the questions in order, asks each condition about the answers met so far, and ends at
the first gap. Answers off the path stay in the draft, where the resident may come back to them, but count
for nothing.
"""

from datetime import date

from forms.answer_types import fits
from forms.conditions import Answers, Value, holds
from forms.form import Form, Notice, Option, Question, Texts


class Journey:
    """One walk through `form` with `answers` (slot -> value; a missing slot is unanswered, None is skipped).

    An answer that does not fit its question (an option that is gone, a required question skipped) counts as a
    gap and is asked again. Ages are those on the day `on`: today for a draft, the day it was sent for a submission.
    """

    def __init__(self, form: Form, answers: Answers, on: date | None = None) -> None:
        self.form = form
        self._on = on
        path: list[Question] = []
        ahead: list[Question] = []
        met: dict[str, Value] = {}
        self._relevant: dict[str, Value] = {}
        self._next: Question | None = None
        self._stop: Option | None = None
        for question in form.questions:
            if question.when is not None and not holds(question.when, met, on):
                continue
            answered = question.slot in answers and fits(question, answers[question.slot])
            if answered:
                met[question.slot] = answers[question.slot]
            elif question.required and question.options:
                first = [one.value for one in question.options if not one.stops][:1]
                met[question.slot] = first if question.type == "multi_choice" else next(iter(first), None)
            if self._next is not None:
                ahead.append(question)
                continue
            path.append(question)
            if not answered:
                self._next = question
                continue
            value = answers[question.slot]
            self._relevant[question.slot] = value
            self._stop = next((option for option in _chosen(question, value) if option.stops), None)
            if self._stop is not None:
                break
        self._path = tuple(path)
        self._known = self._path + tuple(ahead)

    @property
    def path(self) -> tuple[Question, ...]:
        """The questions from the first one to the first gap (included), or to the end."""
        return self._path

    @property
    def next_question(self) -> Question | None:
        """The first gap; None when complete, or when a stopping option was chosen."""
        return self._next

    @property
    def is_complete(self) -> bool:
        """Every question on the path is answered or skipped, and none of the answers stops the form."""
        return self._next is None and self._stop is None

    @property
    def stopped(self) -> bool:
        """Somebody chose an option that ends the form; nothing may be sent or kept."""
        return self._stop is not None

    @property
    def stop_text(self) -> Texts | None:
        """What to say when the journey is stopped, else None."""
        return None if self._stop is None else self._stop.stop_text or self.form.stop_text

    @property
    def answered(self) -> int:
        """How many questions on the path are answered; skipped ones count."""
        return len(self._relevant)

    @property
    def total(self) -> int:
        """How many questions there are in all, as far as the answers so far can tell.

        A required choice further on is taken to be its first option, the most usual one, so that the number
        seldom grows.
        """
        return len(self._known)

    def position(self, slot: str) -> tuple[int, int]:
        """(n, total) for "question n of total". Raises KeyError for a slot these answers do not lead to."""
        for number, question in enumerate(self._known, start=1):
            if question.slot == slot:
                return number, self.total
        raise KeyError(slot)

    @property
    def relevant_answers(self) -> dict[str, Value]:
        """The answers on the path, in its order: what is summarised and submitted."""
        return dict(self._relevant)

    @property
    def flags(self) -> tuple[str, ...]:
        """What the staff should notice, each once, in the order of the questions."""
        found: list[str | None] = []
        for question in self._path:
            if question.slot not in self._relevant:
                continue
            value = self._relevant[question.slot]
            found.append(question.flag_when_skipped if value is None else None)
            found.extend(option.flag for option in _chosen(question, value))
            found.extend(notice.flag for notice in self._notices(question))
        return tuple(dict.fromkeys(flag for flag in found if flag is not None))

    def notices(self, slot: str) -> tuple[Texts, ...]:
        """What to tell the resident after the answer to `slot`; empty when there is nothing to tell."""
        question = next((one for one in self._path if one.slot == slot and slot in self._relevant), None)
        if question is None:
            return ()
        return tuple(notice.text for notice in self._notices(question) if notice.text is not None)

    def offers(self, slot: str) -> tuple[str, ...]:
        """The forms to offer instead after the answer to `slot`, each once."""
        question = next((one for one in self._path if one.slot == slot and slot in self._relevant), None)
        found = () if question is None else (notice.offers for notice in self._notices(question))
        return tuple(dict.fromkeys(form_id for form_id in found if form_id is not None))

    def previous(self, slot: str) -> Question | None:
        """The question before `slot` on the path; None for the first one and for a slot not on the path."""
        slots = [question.slot for question in self._path]
        position = slots.index(slot) if slot in slots else 0
        return self._path[position - 1] if position else None

    def _notices(self, question: Question) -> list[Notice]:
        return [notice for notice in question.notices if holds(notice.when, self._relevant, self._on)]


def _chosen(question: Question, value: Value) -> list[Option]:
    chosen = value if isinstance(value, list) else [value]
    return [option for option in question.options if option.value in chosen]
