"""Whole walks through every form in every role, as residents take them: right and wrong answers, typed and tapped,
back, changed, skipped, taps on old buttons, questions in between – and what is sent in at the end.

What the answers must be is worked out apart from the dialogue, by `Paper`, and compared after every turn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any

import pytest
from filled_forms import FORMS, ROUTES, TODAY, any_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.dialogue import Dialogue, decide
from bot.form import proposing as form_proposing
from bot.form import tries as form_tries
from bot.scene import Scene, State, Tools
from bot.turn import Reply, Turn
from bot.wording import load_wordings
from brochures.lookup import Library
from forms.answer_error import AnswerError
from forms.answer_types import fits, read, read_choice, show
from forms.conditions import Value
from forms.form import Form, Question, in_language
from forms.journey import Journey
from forms.loader import form_from_snapshot
from nlu.client import Entity, NluUnavailableError, Understanding
from storage import conversations, submissions
from storage.conversations import Draft
from storage.database import Database
from storage.intake import NewSubmission
from storage.submissions import Submission

PATHS = [(form_id, route) for form_id, routes in ROUTES.items() for route in routes]
WALKS = 100
"""For each of the twenty paths; two of each also with everything saved and read again."""
MOST_TURNS = 250
WALKERS: "count[int]" = count(1)
"""Each walk is a conversation of its own, also when it is tried again."""
MORNING = datetime.combine(TODAY, time(8), UTC)
QUESTION = "vad är en kontaktfamilj?"
BESIDE: Mapping[str, tuple[str, ...]] = {
    "why": ("varför frågar ni?", "why do you ask?"),
    "who_reads": ("vem läser det här?", "who reads this?"),
    "questions_left": ("hur många frågor är det kvar?", "how many questions are left?"),
    "save": ("spara och fortsätt sen", "save and continue later"),
    "cancel": ("avbryt", "cancel"),
    "help": ("hjälp", "help"),
    "human": ("jag vill prata med en människa", "I want to talk to a human"),
    "resume": ("fortsätt", "continue"),
    "brochure": (QUESTION,),
    "nothing": ("???", "🙂", "…"),
}
"""What is said beside an answer, and changes none."""
WRONG = {
    "text": "blå " * 60,
    "long_text": "",
    "choice": "xyzzy blå",
    "multi_choice": "xyzzy blå",
    "yes_no": "xyzzy blå",
    "date": "snart",
    "birth_date": "snart",
    "age": "blå",
    "phone": "12",
    "email": "alva(at)example",
    "personnummer": "123",
    "postcode": "7",
    "school_year": "99",
}
"""Answer type -> what cannot be read as such; empty where all can."""
TOLD = (
    "Jag heter Alex Ek och nås på 070-174 06 05",
    "nej jag skrev fel, mitt nummer är 070-174 06 12",
    "mejlen ska vara sofia@example.com",
    "jag bor i Sala, är 40 år och min mejl är alex@example.com",
)
"""Several answers at once, and earlier ones put right: they change what they say, and nothing beside it."""
ON_THE_WAY = ("answer", "answer", "answer", "answer", "wrong", "beside", "back", "change", "late", "skip", "told")
AT_THE_END = ("change", "back", "late", "early", "beside", "told")
ENDINGS = ("send", "send", "send", "send", "send", "stop", "cancel")
LATE_KINDS = ("a", "d", "f", "t", "s")
ENDING_ACTIONS = frozenset({"submit", "restart", "replace", "print", "register", "hand_over", "carry"})
"""Buttons that end the form or take it elsewhere; those a walk comes to have an ending of their own."""


@dataclass
class Paper:
    """The form as somebody would fill it in on paper: what each turn does to the answers, and where it leads."""

    form: Form
    answers: dict[str, Value] = field(default_factory=dict)
    asking: str | None = None
    tries: dict[str, int] = field(default_factory=dict)
    ticked: tuple[str, list[str]] | None = None

    @property
    def left_out(self) -> set[str]:
        """The questions that were passed after wrong tries."""
        return {slot for slot in self.tries if self._may_leave(slot) and self.answers.get(slot, "") is None}

    @property
    def journey(self) -> Journey:
        return Journey(_without_demand(self.form, self.left_out), self.answers, TODAY)

    @property
    def open(self) -> Question | None:
        journey = self.journey
        return next((question for question in journey.path if question.slot == self.asking), journey.next_question)

    def take(self, slot: str, value: Value) -> None:
        late = self.open is None or self.open.slot != slot
        self.answers[slot] = value
        if value is not None or self.tries.get(slot, 0) < form_tries.TRIES:
            self.tries.pop(slot, None)
        if not late:
            self.asking = self.ticked = None

    def pass_over(self) -> None:
        question = self.open
        if question and (self._may_leave(question.slot) or not question.required):
            self.take(question.slot, None)

    def go_to(self, slot: str | None) -> None:
        self.asking, self.ticked = slot, None

    def go_back(self, named: str = "") -> None:
        journey = self.journey
        question = _at(journey, named) if named else self.open
        before = journey.previous(question.slot) if question else journey.path[-1]
        if before:
            self.go_to(before.slot)

    def tap(self, choice: str) -> None:
        """What a button does, whenever it is tapped."""
        kind, *rest = choice.split(":", 3)
        slot, value = (*rest[1:], "", "")[:2]
        if kind == "a" and (question := _at(self.journey, slot)):
            self._tick(question, value) if question.type == "multi_choice" else self.take(
                slot, read_choice(question, value)
            )
        if kind != "d":
            return
        action, slot = slot, value
        is_open = self.open is not None and self.open.slot == slot
        if (action == "skip" and is_open) or (action == "leave_out" and is_open and self._may_leave(slot)):
            self.pass_over()
        elif action == "back":
            self.go_back(slot)
        elif action in ("keep", "summary"):
            self.go_to(None)
        elif action == "change" and _at(self.journey, slot):
            self.go_to(slot)

    def _tick(self, question: Question, value: str) -> None:
        saved = self.answers.get(question.slot)
        ticked = list(saved) if isinstance(saved, list) else []
        if self.ticked and self.ticked[0] == question.slot:
            ticked = self.ticked[1]
        if value != "*":
            value = value.removeprefix("+")
            self.asking = question.slot
            self.ticked = question.slot, [one for one in (*ticked, value) if one != value or value not in ticked]
        elif ticked:
            self.take(question.slot, [option.value for option in question.options if option.value in ticked])

    def _may_leave(self, slot: str) -> bool:
        question = self.form.question(slot)
        enough = self.tries.get(slot, 0) >= form_tries.TRIES
        return enough and question is not None and form_tries.can_be_left_out(self.form, question)


def _without_demand(form: Form, slots: set[str]) -> Form:
    questions = (replace(one, required=one.required and one.slot not in slots) for one in form.questions)
    return replace(form, questions=tuple(questions)) if slots else form


def _at(journey: Journey, slot: str) -> Question | None:
    return next((question for question in journey.path if question.slot == slot), None)


Sent = NewSubmission | Submission
Respond = Callable[[Turn, State, Draft | None], tuple[tuple[Reply, ...], State, Draft | None]]


def _by_value(tools: Tools, sent: list[Sent]) -> Respond:
    """The dialogue's steps alone; what is sent in is kept in `sent`."""

    def receipt(token: str) -> tuple[str, str] | None:
        return next(((one.reference, one.form_id) for one in sent if isinstance(one, NewSubmission)), None)

    def respond(turn: Turn, state: State, draft: Draft | None) -> tuple[tuple[Reply, ...], State, Draft | None]:
        done = decide(Scene(turn, state, draft, replace(tools, receipt_for=receipt)))
        if done.submission:
            sent.append(done.submission)
        return done.replies, done.state, done.draft

    return respond


def _by_dialogue(dialogue: Dialogue, sent: list[Sent]) -> Respond:
    """The whole dialogue: what it remembers is read from the database after each turn, and so is what was sent in."""

    def respond(turn: Turn, state: State, draft: Draft | None) -> tuple[tuple[Reply, ...], State, Draft | None]:
        before = submissions.count(dialogue.database)
        response = dialogue.respond(turn)
        if submissions.count(dialogue.database) > before:
            assert response.submission
            reference = response.submission.reference
            opened = submissions.open_submission(dialogue.database, reference, actor="vera", at=turn.received_at)
            assert opened
            sent.append(opened)
        kept = conversations.find(dialogue.database, turn.channel, turn.sender)
        return response.replies, State.from_json(kept.state), kept.draft

    return respond


@dataclass
class Walker:
    """One resident on the way through a form."""

    tools: Tools
    respond: Respond
    sent: list[Sent]
    paper: Paper
    fixed: Mapping[str, Value]
    choose: Random
    language: str
    sender: str
    state: State = field(default_factory=State)
    draft: Draft | None = None
    replies: tuple[Reply, ...] = ()
    seen: dict[str, str] = field(default_factory=dict)
    """Every button that was shown, id -> label."""
    log: list[str] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    # --- one turn
    def turn(self, **turn: Any) -> None:
        number = next(self.numbers)
        self.log.append(str(turn.get("text") or turn.get("choice") or "opened"))
        at = MORNING + timedelta(minutes=number)
        message = Turn("web", self.sender, f"{self.sender}-{number}", received_at=at, **turn)
        self.replies, self.state, self.draft = self.respond(message, self.state, self.draft)
        self.seen |= {choice.id: choice.label for reply in self.replies for choice in reply.choices}

    def say(self, text: str) -> None:
        self.turn(text=text)

    def tap(self, choice: str) -> None:
        self.turn(choice=choice)
        self.paper.tap(choice)

    def begin(self) -> None:
        place = next(one for one in self.tools.library.municipalities if self.paper.form.id in one.forms)
        self.turn(start=True, municipality=place.id)
        self.turn(choice=f"c:language:{self.language}", municipality=place.id)
        self.turn(choice=f"f:{self.paper.form.id}", municipality=place.id)
        self.check()

    @property
    def said(self) -> str:
        return "\n".join(reply.full_text for reply in self.replies)

    @property
    def token(self) -> str:
        assert self.draft, self.where
        return self.draft.token

    @property
    def where(self) -> str:
        return f"{self.paper.form.id} {self.log}: {self.said}"

    @property
    def scene(self) -> Scene:
        return Scene(Turn("web", self.sender, "", received_at=MORNING), self.state, self.draft, self.tools)

    @property
    def proposed(self) -> tuple[tuple[Question, Value], ...]:
        return form_proposing.shown(self.scene)

    # --- after each turn
    def check(self) -> None:
        """The answers are those on paper, and there is a way on."""
        assert self.draft, self.where
        assert self.draft.answers == self.paper.answers, self.where
        assert self.draft.given.keys() == self.paper.answers.keys(), self.where
        assert self.draft.tries == self.paper.tries, self.where
        assert self.sent == [], self.where
        if not self._asks():
            buttons = [choice.id for reply in self.replies for choice in reply.choices]
            on = [f"d:{self.token}:{action}" for action in ("resume", "summary")]
            assert any(way in buttons for way in on), self.where
            self.tap(next(way for way in on if way in buttons))
            assert self.draft.answers == self.paper.answers, self.where
            assert self._asks(), self.where

    def _asks(self) -> bool:
        """Whether what was said last asks the open question, or is the summary or a proposal, with its buttons."""
        last, question = self.replies[-1], self.paper.open
        actions = [choice.id.split(":")[2] for choice in last.choices if choice.id.startswith("d:")]
        if self.proposed:
            return actions.count("proposal") >= 2
        if question is None:
            return "submit" in actions and "change" in actions
        asked = last.text.startswith(in_language(question.text, self.language)) and last.expects == question.type
        answers = {choice.id.split(":")[2] for choice in last.choices if choice.id.startswith("a:")}
        wanted = {question.slot} if question.options or question.type == "yes_no" else set()
        return asked and answers == wanted and "cancel" in actions and ("skip" in actions) is not question.required

    # --- what residents do
    def step(self, move: str) -> None:
        """One move, where it can be made; what was understood of a sentence is said yes or no to first."""
        if self.proposed:
            self._settle()
        elif move != "answer" or self.paper.open:
            getattr(self, f"_{move}")()
        self.check()

    def _settle(self) -> None:
        yes, found = self.choose.random() < 0.7, self.proposed
        if self.choose.random() < 0.5:
            action = "yes." if yes else "no."
            self.turn(choice=next(choice.id for choice in self.replies[-1].choices if f":{action}" in choice.id))
        else:
            self.say("ja" if yes else "nej")
        for question, value in found if yes else ():
            assert question.slot not in self.paper.answers or not fits(question, self.paper.answers[question.slot])
            self.paper.take(question.slot, value)

    def _answer(self) -> None:
        question = self.paper.open
        assert question
        if question.slot in self.fixed and question.slot not in self.paper.answers:
            self._pick(question, self.fixed[question.slot])
        elif not question.required and self.choose.random() < 0.25:
            self._skip()
        elif question.options and self.choose.random() < 0.6:
            several = question.type == "multi_choice"
            options = [option.value for option in question.options if not option.stops]
            chosen: Value = self.choose.sample(options, self.choose.randint(1, min(3, len(options))))
            self._pick(question, chosen if several else self.choose.choice(options))
        else:
            text = any_text(question, self.choose)
            self.say(text)
            if any(value == text for _, value in self.proposed):  # a place where a name is asked for is proposed as one
                self._follow()
            else:
                self.paper.take(question.slot, read(question, text, self.language, TODAY))

    def _pick(self, question: Question, value: Value) -> None:
        """Tap, or type the label of, an option; where there may be several, tick them and be done."""
        if not isinstance(value, list):
            choice = f"a:{self.token}:{question.slot}:{value}"
            if self.choose.random() < 0.3:
                option = question.option(str(value))
                assert option
                self.say(in_language(option.label, self.language))
                self.paper.tap(choice)
            else:
                self.tap(choice)
            return
        for option in question.options:
            ticked = self._ticked(question)
            if (option.value in value) is not (option.value in ticked):
                self.tap(f"a:{self.token}:{question.slot}:+{option.value}")
                self.check()
        self.tap(f"a:{self.token}:{question.slot}:*")

    def _ticked(self, question: Question) -> list[str]:
        if self.paper.ticked and self.paper.ticked[0] == question.slot:
            return self.paper.ticked[1]
        saved = self.paper.answers.get(question.slot)
        return saved if isinstance(saved, list) else []

    def _wrong(self) -> None:
        """Up to three tries in a row that cannot be read, and then perhaps the button to leave the question out."""
        question = self.paper.open
        if question is None or not (text := WRONG[question.type]):
            return
        with pytest.raises(AnswerError):
            read(question, text, self.language, TODAY)
        for _ in range(self.choose.choice((1, 1, 3))):
            self.say(text)
            self.paper.tries[question.slot] = self.paper.tries.get(question.slot, 0) + 1
            self.check()
        leave = f"d:{self.token}:leave_out:{question.slot}"
        if leave in (choice.id for choice in self.replies[0].choices) and self.choose.random() < 0.5:
            self.tap(leave)

    def _skip(self) -> None:
        question = self.paper.open
        if question and self.choose.random() < 0.5 and not question.required:
            self.tap(f"d:{self.token}:skip:{question.slot}")
        else:
            self.say(self.choose.choice(("hoppa över", "skip")))
            self.paper.pass_over()

    def _back(self) -> None:
        if self.paper.open and self.choose.random() < 0.5:
            self.tap(f"d:{self.token}:back:{self.paper.open.slot}")
        else:
            self.say(self.choose.choice(("tillbaka", "back")))
            self.paper.go_back()

    def _change(self) -> None:
        """Choose what to change among the buttons, then change it or keep it."""
        self.tap(f"d:{self.token}:change")
        prefix = f"d:{self.token}:change:"
        shown = [choice.id for choice in self.replies[-1].choices if choice.id.startswith(prefix)]
        answered = [question.slot for question in self.paper.journey.path if question.slot in self.paper.answers]
        assert [choice.removeprefix(prefix) for choice in shown] == answered, self.where
        if not shown:
            return
        self.check()
        self.tap(self.choose.choice(shown))
        self.check()
        assert self.paper.open
        if self.choose.random() < 0.3:
            self.tap(f"d:{self.token}:keep:{self.paper.open.slot}")
        else:
            self._answer()

    def _late(self) -> None:
        """Any button shown so far, but for those that end the form."""
        stops = {f":{q.slot}:{o.value}" for q in self.paper.form.questions for o in q.options if o.stops}
        old = [choice for choice in self.seen if choice[0] in LATE_KINDS and not any(choice.endswith(s) for s in stops)]
        old = [choice for choice in old if choice[0] != "d" or choice.split(":")[2] not in ENDING_ACTIONS]
        old = [choice for choice in old if not choice.endswith((":cancel:yes", *(f":{one}" for one in ENDING_ACTIONS)))]
        choice = self.choose.choice([one for one in old if ":proposal:" not in one])
        off_path = (
            choice.startswith("d:") and ":change:" in choice and not _at(self.paper.journey, choice.split(":")[3])
        )
        self.tap(choice)
        if off_path:
            self._follow()

    def _early(self) -> None:
        """Back or to another answer, then "Skicka in" of a summary that no longer holds: nothing is sent."""
        self._change() if self.choose.random() < 0.5 else self._back()
        self.check()
        showing = {choice.id for choice in self.replies[-1].choices}
        old = [one for one in self.seen if one.startswith(f"d:{self.token}:submit:") and one not in showing]
        if old:
            self.turn(choice=self.choose.choice(old))

    def _beside(self) -> None:
        kind = self.choose.choice(tuple(BESIDE))
        buttons = {choice.id.split(":")[2]: choice.id for choice in self.replies[-1].choices if choice.id[0] == "d"}
        if kind in buttons and self.choose.random() < 0.5:
            self.tap(buttons[kind])
        else:
            self.say(self.choose.choice(BESIDE[kind]))
        if kind == "cancel":
            self.say("nej")
        if kind == "brochure":
            assert any(reply.sources for reply in self.replies), self.where

    def _told(self) -> None:
        """It changes one answer at most: the open question's, or the one that is put right."""
        before, opened = dict(self.paper.answers), self.paper.open
        text = self.choose.choice(TOLD)
        self.say(text)
        assert self.draft, self.where
        now = self.draft.answers
        changed = {slot for slot in {*now, *before} if now.get(slot, "") != before.get(slot, "")}
        assert len(changed) <= 1, self.where
        for slot in changed:
            about = self.paper.form.question(slot)
            assert about and fits(about, now[slot]), self.where
            is_open = opened is not None and opened.slot == slot
            assert is_open or (about.type in ("phone", "email", "text", "age") and slot in before), self.where
            self.paper.take(slot, now[slot])
        self._follow()

    def _follow(self) -> None:
        """Where the dialogue has chosen a place by the words of a text, go there too."""
        assert self.draft, self.where
        self.paper.asking, self.paper.tries = self.draft.asking, dict(self.draft.tries)
        self.paper.ticked = None if self.state.selecting is None else self.paper.ticked

    # --- the end
    def to_the_summary(self) -> None:
        while self.paper.open or self.proposed:
            self.step("answer")
            assert len(self.log) < MOST_TURNS, self.where

    def send(self) -> None:
        """What is sent in is what the summary said, and stands when it is read again; it is sent once."""
        self.say("fortsätt")
        self.check()
        summary, journey, token = self.replies[-1].text, self.paper.journey, self.token
        submit = next(one.id for one in self.replies[-1].choices if one.id.startswith(f"d:{token}:submit:"))
        say = self.tools.wordings[self.language]
        answers = journey.relevant_answers
        skipped = say("form.summary_skipped")
        wanted = [
            f"• {in_language(question.label, self.language)}: "
            + (skipped if (value := answers[question.slot]) is None else show(question, value, self.language))
            for question in journey.path
        ]
        assert journey.is_complete
        assert "\n".join(wanted) in summary, self.where
        self._send_by("tap", submit)
        assert self.draft is None, self.where
        assert len(self.sent) == 1, self.where
        sent = self.sent[0]
        assert dict(sent.answers) == answers, self.where
        assert sent.given.keys() == answers.keys(), self.where
        left_out = self.paper.left_out & answers.keys()
        again = Journey(_without_demand(form_from_snapshot(sent.form_snapshot), left_out), sent.answers, TODAY)
        assert again.is_complete, self.where
        assert again.relevant_answers == answers
        assert sent.flags == (*again.flags, *((form_tries.FLAG,) if left_out else ()))
        for by in ("tap", "type", "old answer"):
            self._send_by(by, submit)
            assert self.draft is None, self.where
            assert len(self.sent) == 1, self.where

    def _send_by(self, by: str, submit: str) -> None:
        token = submit.split(":")[1]
        if by == "type":
            self.say(self.seen[submit])
        else:
            self.turn(choice=submit if by == "tap" else next(one for one in self.seen if one.startswith(f"a:{token}")))

    def stop(self) -> None:
        """Protected identity, tapped at last: nothing is kept or sent, also by an old button."""
        token = self.token
        self.turn(choice=f"a:{token}:skyddade_uppgifter:ja")
        self._nothing_left(token)

    def cancel(self) -> None:
        """Cancelled at last."""
        token = self.token
        self.say("avbryt")
        self.say("ja")
        self._nothing_left(token)

    def _nothing_left(self, token: str) -> None:
        assert self.draft is None, self.where
        assert (self.state.copies, self.state.proposed, self.state.selecting) == ((), (), None)
        self.turn(choice=f"d:{token}:submit")
        assert self.draft is None, self.where
        assert self.sent == []


def _understand(text: str) -> Understanding:
    """One brochure question; the NLU process is away for all else."""
    if text != QUESTION:
        raise NluUnavailableError("the NLU process is not running")
    named = Entity("service", "kontaktfamilj", "kontaktfamilj", 10, 23)
    return Understanding("ask_what_is", 0.99, (("ask_what_is", 0.99),), (named,))


Begin = Callable[[tuple[str, str], int], Walker]


@pytest.fixture
def by_value(library: Library) -> Begin:
    """Walkers who meet the dialogue's steps alone, without a database."""
    nothing: Any = {"status_of": lambda *_, **__: None, "receipt_for": lambda token: None}
    tools = Tools(library, FORMS, load_wordings(), _understand, **nothing)

    def begin(path: tuple[str, str], seed: int) -> Walker:
        sent: list[Sent] = []
        return _walker(tools, _by_value(tools, sent), sent, path, seed)

    return begin


@pytest.fixture
def saved(make_tools: Callable[..., Tools], database: Database) -> Begin:
    """Walkers whose every turn is saved."""
    dialogue = Dialogue(make_tools(understand=_understand, batons=None), database)

    def begin(path: tuple[str, str], seed: int) -> Walker:
        sent: list[Sent] = []
        return _walker(dialogue.tools, _by_dialogue(dialogue, sent), sent, path, seed)

    return begin


def _walker(tools: Tools, respond: Respond, sent: list[Sent], path: tuple[str, str], seed: int) -> Walker:
    choose, (form_id, route) = Random(seed), path
    fixed = choose.choice(ROUTES[form_id][route])
    language = choose.choice(("sv", "sv", "en"))
    return Walker(tools, respond, sent, Paper(FORMS[form_id]), fixed, choose, language, f"walker {next(WALKERS)}")


def _walk(walker: Walker, way: list[str], end: list[str], ending: str) -> None:
    walker.begin()
    for move in way:
        walker.step(move)
    walker.to_the_summary()
    for move in end:
        walker.step(move)
    walker.to_the_summary()
    {"send": walker.send, "stop": walker.stop, "cancel": walker.cancel}[ending]()


walks = given(
    way=st.lists(st.sampled_from(ON_THE_WAY), min_size=8, max_size=20),
    end=st.lists(st.sampled_from(AT_THE_END), max_size=4),
    ending=st.sampled_from(ENDINGS),
    seed=st.integers(0, 10**9),
)
same = partial(settings, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
@same(max_examples=WALKS)
@walks
def test_a_walk(by_value: Begin, path: tuple[str, str], way: list[str], end: list[str], ending: str, seed: int) -> None:
    _walk(by_value(path, seed), way, end, ending)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
@same(max_examples=2)
@walks
def test_a_walk_that_is_saved_after_each_turn(
    saved: Begin, path: tuple[str, str], way: list[str], end: list[str], ending: str, seed: int
) -> None:
    _walk(saved(path, seed), way, end, ending)
