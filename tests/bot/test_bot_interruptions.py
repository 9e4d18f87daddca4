"""Every interruption at every question of every form, in every role, and at the summary: said right, the place kept.

The forms are those that are loaded, so a new form or question is tried as well.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from itertools import count
from typing import Any

import pytest
from filled_forms import FORMS, TODAY, roles, walks

from bot.dialogue import decide
from bot.form import asking as form_asking
from bot.form import opening as form_opening
from bot.scene import Outcome, Scene, State, Tools
from bot.turn import Account, Turn
from forms.form import Form, Question, in_language
from nlu.client import NluClient
from storage.conversations import Draft

NOON = datetime.combine(TODAY, time(12), UTC)
PATHS = [pytest.param(form, role, id=f"{form.id} {role}".strip()) for form in FORMS.values() for role in roles(form)]
NUMBERS = count(1)

SAID: Mapping[str, tuple[str, ...]] = {
    "who_reads": ("vem läser det här?", "vem får läsa mina svar", "who reads this?"),
    "questions_left": ("hur många frågor är det kvar?", "hur mnga frågor är kvar", "how many questions are left?"),
    "save": ("spara och fortsätt sen", "jag vill spara och göra klart senare", "save and continue later"),
    "why": ("varför frågar ni?", "why do you ask?"),
    "cancel": ("avbryt", "jag vill avbryta"),
    "restart": ("börja om",),
    "language": ("English please", "can we speak English"),
    "human": ("jag vill prata med en människa", "I want to talk to a human"),
    "about_bot": ("är du en robot", "är du en robot?"),
    "question": ("vad är en kontaktfamilj?",),
    "danger": ("pappa slår mig",),
    "change": ("ändra telefonnumret", "change my phone number"),
    "back": ("tillbaka", "kan jag gå tillbaka", "go back"),
    "skip": ("hoppa över", "skip this question"),
    "dont_know": ("vet inte", "I don't know"),
}
"""What is said beside an answer -> some of the ways to say it."""


@dataclass(frozen=True)
class At:
    """A place in a form: the conversation, and the question that is open (None: the summary)."""

    tools: Tools
    state: State
    draft: Draft

    def scene(self, **turn: Any) -> Scene:
        """One turn here, after the conversation has been stored and read again."""
        stored = State.from_json(json.loads(json.dumps(self.state.to_json())))
        message = Turn("web", "a", f"m{next(NUMBERS)}", received_at=NOON, **turn)
        return Scene(message, stored, self.draft, self.tools)

    @property
    def question(self) -> Question | None:
        """The open question."""
        return form_asking.open_question(self.scene())

    def say(self, text: str) -> Outcome:
        """What comes of a text."""
        return decide(self.scene(text=text))

    def tap(self, choice: str) -> Outcome:
        """What comes of a button."""
        return decide(self.scene(choice=choice))

    def after(self, done: Outcome) -> "At":
        """The place that a turn has led to."""
        assert done.draft is not None
        return At(self.tools, done.state, done.draft)


@pytest.fixture(scope="session")
def understand(nlu_client: NluClient) -> Callable[[str], Any]:
    """The real NLU process."""
    return nlu_client.understand


@pytest.mark.parametrize(("form", "role"), PATHS)
def test_every_interruption_keeps_the_place(
    form: Form, role: str, make_tools: Callable[..., Tools], understand: Callable[[str], Any]
) -> None:
    tools = make_tools(understand=understand)
    tried: set[str] = set()
    for walk in walks(form, role):
        at = _begun(tools, form)
        for question, value in walk:
            assert at.question is not None
            assert at.question.slot == question.slot
            if question.slot not in tried:
                tried.add(question.slot)
                _interrupt(at)
            at = _answered(at, question, value)
        assert at.question is None
        if walk[-1][0].slot not in tried or "" not in tried:
            tried.add("")
            _interrupt(at)
    assert "" in tried


def test_the_walks_reach_every_question() -> None:
    for form in FORMS.values():
        reached = {q.slot for role in roles(form) for walk in walks(form, role) for q, _ in walk}
        assert reached == {question.slot for question in form.questions}, form.id


def _begun(tools: Tools, form: Form) -> At:
    state = State(language="sv", municipality="sala", greeted=True)
    scene = Scene(Turn("web", "a", "m0", received_at=NOON), state, None, tools)
    done = form_opening.begin(scene, form, {}, {}, (), Account("form"))
    assert done.draft is not None
    return At(tools, done.state, done.draft)


def _answered(at: At, question: Question, value: Any) -> At:
    """The place after an answer, taken as it is stored: what can be typed is tested where answers are read."""
    answers = {**at.draft.answers, question.slot: value}
    answered = replace(at, draft=replace(at.draft, answers=answers, asking=None))
    return answered.after(form_asking.ask(answered.scene().remember(selecting=None)))


def _interrupt(at: At) -> None:
    for kind, texts in SAID.items():
        for text in texts:
            CHECKS[kind](at, at.say(text), text)
    _try_the_buttons(at)


def _text(done: Outcome) -> str:
    return "\n".join(reply.full_text for reply in done.replies)


def _asked(at: At, language: str = "sv") -> str:
    """The words by which the open question, or the summary, is known."""
    form = at.scene().form
    assert form is not None
    if at.question is None:
        return at.tools.wordings[language]("form.ready")
    return in_language(at.question.text, language)


def _where(at: At, text: str) -> str:
    return f"{at.draft.form_id} {at.question.slot if at.question else 'summary'} {text!r}"


def _kept(at: At, done: Outcome, text: str, language: str = "sv") -> None:
    """No answer lost or changed, the same question open and asked again last."""
    where = _where(at, text)
    assert done.draft is not None, where
    assert done.draft.answers == at.draft.answers, where
    assert done.draft.given == at.draft.given, where
    now = at.after(done).question
    assert (now.slot if now else None) == (at.question.slot if at.question else None), f"{where}: {_text(done)}"
    assert _asked(at, language) in done.replies[-1].text, f"{where}: {_text(done)}"


def _says(at: At, done: Outcome, text: str, *wanted: str) -> None:
    said = _text(done)
    for words in wanted:
        assert words in said, f"{_where(at, text)}: no {words!r} in {said}"


def _who_reads(at: At, done: Outcome, text: str) -> None:
    _kept(at, done, text)
    _says(at, done, text, "läser socialtjänsten i Sala kommun")


def _questions_left(at: At, done: Outcome, text: str) -> None:
    _kept(at, done, text)
    journey = form_asking.journey_of(at.scene())
    left = journey.total - journey.answered
    wanted = f"{left} frågor kvar" if left > 1 else "en fråga kvar" if left else "Inga frågor är kvar"
    _says(at, done, text, wanted)


def _save(at: At, done: Outcome, text: str) -> None:
    assert done.draft is not None
    _says(at, done, text, "sparade", "30 dagar, till och med 2026-03-31", "samma webbläsare", "”avbryt”")
    assert done.draft.answers == at.draft.answers
    _kept(at, at.after(done).say("fortsätt"), text)
    _kept(at, at.after(done).tap(f"d:{at.draft.token}:resume"), text)


def _why(at: At, done: Outcome, text: str) -> None:
    _kept(at, done, text)
    why = at.question.why if at.question else None
    _says(at, done, text, in_language(why, "sv") if why else at.tools.wordings["sv"]("form.no_why"))


def _cancel(at: At, done: Outcome, text: str) -> None:
    assert done.draft == at.draft, _where(at, text)
    _says(at, done, text, "Vill du avbryta")
    _kept(at, at.after(done).say("nej"), text)
    assert at.after(done).say("ja").draft is None


def _restart(at: At, done: Outcome, text: str) -> None:
    assert done.draft == at.draft, _where(at, text)
    _says(at, done, text, "Vill du börja om?", "raderas")
    _kept(at, at.after(done).tap(f"d:{at.draft.token}:resume"), text)
    assert at.after(done).tap(f"d:{at.draft.token}:restart:yes").draft is None


def _language(at: At, done: Outcome, text: str) -> None:
    if at.question is not None and at.question.type in ("choice", "multi_choice") and _took_answer(at, done):
        return  # "English please" is an answer to which language somebody wants
    _kept(at, done, text, "en")
    assert done.state.language == "en"


def _took_answer(at: At, done: Outcome) -> bool:
    return done.draft is not None and done.draft.answers != at.draft.answers


def _human(at: At, done: Outcome, text: str) -> None:
    _kept(at, done, text)
    _says(at, done, text, "0224-74 70 00")


def _about_bot(at: At, done: Outcome, text: str) -> None:
    _kept(at, done, text)
    _says(at, done, text, "Jag är ett datorprogram")


def _question(at: At, done: Outcome, text: str) -> None:
    _kept(at, done, text)
    assert done.account.kind == "answer", f"{_where(at, text)}: {_text(done)}"
    assert any(reply.sources for reply in done.replies)


def _danger(at: At, done: Outcome, text: str) -> None:
    _says(at, done, text, "Ring 112")
    assert done.replies[0].text.startswith("Är någon i fara just nu? Ring 112."), _where(at, text)
    assert done.account.kind == "crisis"
    if at.question is None or at.question.type != "long_text":
        _kept(at, done, text)
    else:
        assert done.draft is not None
        assert done.draft.answers == {**at.draft.answers, at.question.slot: text}


def _change(at: At, done: Outcome, text: str) -> None:
    where = f"{_where(at, text)}: {_text(done)}"
    assert done.draft is not None, where
    assert done.draft.answers == at.draft.answers, where
    journey = form_asking.journey_of(at.scene())
    phones = [q for q in journey.path if q.type == "phone" and q.slot in at.draft.answers]
    opened = at.after(done).question
    if not phones:
        _kept(at, done, text)
    elif len(phones) == 1:
        assert opened is not None, where
        assert opened.type == "phone", where
        _kept(at, at.after(done).tap(f"d:{at.draft.token}:keep:{opened.slot}"), text)
    else:
        named = {choice.id.rpartition(":")[2] for reply in done.replies for choice in reply.choices}
        assert (opened and opened.type == "phone") or named >= {q.slot for q in phones}, where


def _back(at: At, done: Outcome, text: str) -> None:
    assert done.draft is not None, _where(at, text)
    assert done.draft.answers == at.draft.answers, _where(at, text)
    journey = form_asking.journey_of(at.scene())
    before = journey.previous(at.question.slot) if at.question else journey.path[-1]
    opened = at.after(done).question
    if before is None:
        _kept(at, done, text)
        return
    assert opened is not None, _where(at, text)
    assert opened.slot == before.slot, _where(at, text)
    _kept(at, at.after(done).tap(f"d:{at.draft.token}:keep:{opened.slot}"), text)


def _skip(at: At, done: Outcome, text: str) -> None:
    if at.question is None:
        _kept(at, done, text)
    elif at.question.required:
        if at.question.type in ("choice", "multi_choice") and _took_answer(at, done):
            assert form_asking.journey_of(at.after(done).scene()).relevant_answers[at.question.slot] is not None
            return  # an option that says just this
        _kept(at, done, text)
        _says(at, done, text, "går inte att hoppa över")
    else:
        assert done.draft is not None
        value = done.draft.answers[at.question.slot]
        assert value is None or at.question.type in ("choice", "multi_choice"), _where(at, text)
        assert done.draft.answers == {**at.draft.answers, at.question.slot: value}


CHECKS: Mapping[str, Callable[[At, Outcome, str], None]] = {
    "who_reads": _who_reads,
    "questions_left": _questions_left,
    "save": _save,
    "why": _why,
    "cancel": _cancel,
    "restart": _restart,
    "language": _language,
    "human": _human,
    "about_bot": _about_bot,
    "question": _question,
    "danger": _danger,
    "change": _change,
    "back": _back,
    "skip": _skip,
    "dont_know": _skip,
}


def _try_the_buttons(at: At) -> None:
    """The same as buttons: those that belong to the place, and those that are under what they lead to."""
    shown = form_asking.ask(at.scene()).replies[-1].choices
    buttons = {choice.id.split(":")[2]: choice.id for choice in shown if choice.id.startswith("d:")}
    wanted = {"cancel"} | ({"save"} if at.draft.answers else set())
    if at.question is not None:
        previous = form_asking.journey_of(at.scene()).previous(at.question.slot)
        wanted |= {"why"} if at.question.why else set()
        wanted |= {"skip"} if not at.question.required else set()
        wanted |= {"back"} if previous else set()
    assert wanted <= buttons.keys(), _where(at, "buttons")
    for action in sorted(wanted):
        CHECKS[action](at, at.tap(buttons[action]), action)
    if "why" in wanted:
        explained = at.tap(buttons["why"])
        under = next(c.id for reply in explained.replies for c in reply.choices if ":who_reads" in c.id)
        _who_reads(at, at.after(explained).tap(under), "who_reads")


def test_a_word_that_is_a_name_too_is_an_answer_where_a_name_is_asked_for(
    make_tools: Callable[..., Tools], understand: Callable[[str], Any]
) -> None:
    form = FORMS["kontakta_mig"]
    at = _begun(make_tools(understand=understand), form)
    while (question := at.question) is not None and question.slot != "namn":
        value = next((o.value for o in question.options if not o.stops), "+46701740633")
        at = _answered(at, question, value if question.required else None)
    done = at.say("Mina")
    assert done.draft is not None
    assert done.draft.answers["namn"] == "Mina"
    assert at.say("/mina").account.command == "my_data"
