"""Messages that come twice, late and in any order, against the real dialogue and storage: the same as the model says.

Two residents, each on the web and in Telegram, and two connections to one database, as two processes have. An update
goes through the real receiver into the inbox, from there to the dialogue, and its replies from the outbox to a
telephone; each of these happens whenever hypothesis likes, in any order, or again.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bot.channels.telegram_receiving import CHANNEL, Receiver
from bot.turn import Response, Turn
from reliability import model
from reliability.ground import Ground
from reliability.model import Expected, Said
from reliability.posted import Key, Posted, content_of, update_of
from storage import audit, conversations, deliveries, submissions

WORDS = st.text("bdfglmnrv", min_size=3, max_size=6).map(lambda word: f"Vill{word}")
KNOWN_ACTIONS = frozenset({"submit", "cancel", "keep", "summary", "change", "back", "skip", "resume", "why"})
"""What the model knows of the buttons beside answers."""
HOUR = timedelta(hours=1)
MANY = 100_000
PROCESS = st.sampled_from([0, 1])


class Conversations(RuleBasedStateMachine):
    """See the module; `ground` is given by whoever runs it."""

    ground: Ground

    def __init__(self) -> None:
        super().__init__()
        mark = next(self.ground.numbers)
        self.keys = [(channel, f"{mark}{resident}") for channel in ("web", CHANNEL) for resident in (1, 2)]
        self.expected = {key: Expected() for key in self.keys}
        self.buttons: dict[Key, list[str]] = {key: [f"f:{self.ground.form_id}"] for key in self.keys}
        self.on_the_way: list[Posted] = []
        self.arrived: list[Posted] = []
        self.inbox: list[Posted] = []
        self.first: dict[Posted, Response] = {}
        self.owed: dict[str, list[Any]] = {sender: [] for channel, sender in self.keys if channel == CHANNEL}
        self.confirmed = dict.fromkeys(self.owed, 0)
        self.held: set[str] = set()
        self.later = timedelta()
        self.receiver = Receiver(self.ground.bot, self.ground.databases[0], self.ground.threads, lambda: None)
        self.before = submissions.count(self.ground.databases[0])
        self.ground.runs += 1

    # -- residents say something, and it is on its way -----------------------------------------------------------------

    def post(self, key: Key, said: Said) -> None:
        self.ground.steps += 1
        self.on_the_way.append(Posted(key, next(self.ground.numbers), said))

    @initialize(key=st.data())
    def open_forms(self, key: st.DataObject) -> None:
        for one in key.draw(st.lists(st.sampled_from(self.keys), min_size=1, max_size=3)):
            self.post(one, Said("tap", f"f:{self.ground.form_id}"))

    @rule(data=st.data(), word=WORDS)
    def answer(self, data: st.DataObject, word: str) -> None:
        self.answer_as(data.draw(st.sampled_from(self.keys)), data, word)

    @rule(data=st.data(), words=st.lists(WORDS, min_size=1, max_size=4), process=PROCESS)
    def talk(self, data: st.DataObject, words: list[str], process: int) -> None:
        """Several answers in a row, each handled before the next: otherwise few forms would come to their end."""
        key = data.draw(st.sampled_from(self.keys))
        for word in words:
            self.answer_as(key, data, word)
            for posted in [posted for posted in self.on_the_way if posted.key == key]:
                self.on_the_way.remove(posted)
                self.arrived.append(posted)
                self.reach(posted, process)
            while any(posted.key == key for posted in self.inbox):
                self.handle_of(key[1], process)

    def answer_as(self, key: Key, data: st.DataObject, word: str) -> None:
        """The open question, as far as the resident can know."""
        expected = self.expected[key]
        slot, token = expected.open_question(), expected.token
        if token is None:
            self.post(key, Said("tap", f"f:{self.ground.form_id}"))
        elif slot is None:
            self.post(key, Said("tap", f"d:{token}:submit"))
        elif slot == model.CHOICE:
            self.post(key, Said("tap", f"a:{token}:{slot}:{data.draw(st.sampled_from(model.OPTIONS[:2]))}"))
        elif slot == model.SEVERAL:
            self.post(key, Said("tap", f"a:{token}:{slot}:+{data.draw(st.sampled_from(model.TICKS))}"))
            self.post(key, Said("tap", f"a:{token}:{slot}:*"))
        else:
            self.post(key, Said("text", word))

    @rule(data=st.data())
    def tap_any_button(self, data: st.DataObject) -> None:
        """A new one or an old one, now and then another resident's."""
        key, shown = data.draw(st.sampled_from(self.keys)), data.draw(st.sampled_from(self.keys))
        self.post(key, Said("tap", data.draw(st.sampled_from(self.buttons[shown]))))

    @rule(data=st.data(), word=WORDS)
    def write(self, data: st.DataObject, word: str) -> None:
        self.post(data.draw(st.sampled_from(self.keys)), Said("text", word))

    @rule(data=st.data(), kind=st.sampled_from(["edited", "media", "start"]))
    def send_something_else(self, data: st.DataObject, kind: str) -> None:
        key = data.draw(st.sampled_from([key for key in self.keys if key[0] == CHANNEL]))
        self.post(key, Said(kind, "Villnagot"))

    # -- it arrives, in any order, once or more ------------------------------------------------------------------------

    def arrive_next(self, data: st.DataObject, process: int) -> None:
        posted = data.draw(st.sampled_from(self.on_the_way))
        self.on_the_way.remove(posted)
        self.arrived.append(posted)
        self.reach(posted, process)

    arrive = precondition(lambda self: self.on_the_way)(rule(data=st.data(), process=PROCESS)(arrive_next))
    arrive_too = precondition(lambda self: self.on_the_way)(rule(data=st.data(), process=PROCESS)(arrive_next))

    @precondition(lambda self: self.arrived)
    @rule(data=st.data(), process=PROCESS)
    def arrive_again(self, data: st.DataObject, process: int) -> None:
        self.reach(data.draw(st.sampled_from(self.arrived)), process)

    def reach(self, posted: Posted, process: int) -> None:
        self.ground.steps += 1
        if posted.key[0] == "web":
            self.respond(posted, Turn("web", posted.key[1], posted.message_id, **content_of(posted.said)), process)
            return
        self.ground.loop.run_until_complete(self.receiver.receive(update_of(posted)))
        if posted not in self.inbox and posted not in self.first:
            self.inbox.append(posted)

    # -- what waits in the inbox is handled ----------------------------------------------------------------------------

    def handle_next(self, data: st.DataObject, process: int) -> None:
        self.ground.steps += 1
        sender = data.draw(st.sampled_from(sorted({posted.key[1] for posted in self.inbox})))
        self.handle_of(sender, process)

    handle = precondition(lambda self: self.inbox)(rule(data=st.data(), process=PROCESS)(handle_next))
    handle_too = precondition(lambda self: self.inbox)(rule(data=st.data(), process=PROCESS)(handle_next))

    def handle_of(self, sender: str, process: int) -> None:
        mine = [posted for posted in self.inbox if posted.key[1] == sender]
        rows = deliveries.waiting(self.ground.databases[process], CHANNEL, MANY, MANY)
        waiting = [row for row in rows if row.sender == sender]
        assert [row.message_id for row in waiting] == [posted.message_id for posted in mine]
        self.inbox.remove(mine[0])
        payload = dict(waiting[0].payload)
        chat = payload.pop("chat")
        self.respond(mine[0], Turn(CHANNEL, sender, waiting[0].message_id, reply_to=chat, **payload), process)

    @precondition(lambda self: any(posted.key[0] == CHANNEL for posted in self.first))
    @rule(data=st.data(), process=PROCESS)
    def handle_what_is_handled(self, data: st.DataObject, process: int) -> None:
        """As another process does that read the inbox a moment too early."""
        posted = data.draw(st.sampled_from([posted for posted in self.first if posted.key[0] == CHANNEL]))
        sender = posted.key[1]
        turn = Turn(CHANNEL, sender, posted.message_id, reply_to=sender, **content_of(posted.said))
        self.respond(posted, turn, process)

    def respond(self, posted: Posted, turn: Turn, process: int) -> None:
        """One turn of the real dialogue; what it left behind must be what the model says."""
        database, expected = self.ground.databases[process], self.expected[posted.key]
        response, again = self.ground.dialogues[process].respond(turn), self.first.get(posted)
        draft = conversations.find(database, *posted.key).draft
        if again is None:
            self.first[posted] = response
            expected.hear(posted.said, draft.token if draft else "")
            for mark in _marks(response):
                expected.shown[mark] = expected.relevant()
            if turn.reply_to is not None:
                self.owed[turn.reply_to] += json.loads(json.dumps(response.to_json()["replies"]))
            else:
                self.buttons[posted.key] += _known(c.id for reply in response.replies for c in reply.choices)
        elif response != again:  # its response is not kept any more: where the conversation stands, and no receipt
            assert response.submission is None
        if response.submission is not None:
            tokens = [token for one in self.expected.values() for token in one.sent_in]
            told = {submissions.reference_for_draft(database, token) for token in tokens}
            assert (response.submission.reference, response.submission.form_id) in told
        kept = None if draft is None else (draft.token, dict(draft.answers), draft.asking)
        model_says = None if expected.token is None else (expected.token, expected.answers, expected.asking)
        assert kept == model_says, (posted, kept, model_says)

    # -- what is owed is sent ------------------------------------------------------------------------------------------

    def due(self) -> dict[str, deliveries.OutgoingRow]:
        """The first reply to each chat that may be sent now; the same as the model says."""
        now = datetime.now(UTC) + self.later
        rows = deliveries.due(self.ground.databases[1], CHANNEL, now, limit=MANY, per_recipient=1)
        found = {row.recipient: row for row in rows if row.recipient in self.owed}
        unsent = {chat for chat, replies in self.owed.items() if len(replies) > self.confirmed[chat]}
        assert found.keys() == unsent - self.held
        for chat, row in found.items():
            assert row.payload == self.owed[chat][self.confirmed[chat]]
        return found

    @precondition(lambda self: any(len(self.owed[chat]) > self.confirmed[chat] for chat in self.owed))
    @rule(data=st.data(), how=st.sampled_from(["sent", "sent", "unconfirmed", "postponed"]), process=PROCESS)
    def send(self, data: st.DataObject, how: str, process: int) -> None:
        """A reply reaches its telephone; that it did may be lost, or Telegram says to wait."""
        self.ground.steps += 1
        due = self.due()
        if not due:
            self.later, self.held = self.later + 2 * HOUR, set()
            return
        row = due[data.draw(st.sampled_from(sorted(due)))]
        self.send_row(row, how, process)

    def send_row(self, row: deliveries.OutgoingRow, how: str, process: int) -> None:
        database, key = self.ground.databases[process], (CHANNEL, row.recipient)
        if how == "postponed":
            deliveries.postpone(database, row.id, datetime.now(UTC) + self.later + HOUR)
            self.held.add(row.recipient)
            return
        self.buttons[key] += _known(choice["id"] for choice in row.payload["choices"])
        if how == "sent":
            deliveries.delivered(database, row.id)
            self.confirmed[row.recipient] += 1

    # -- in the end ----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """All that is on its way arrives, all that waits is handled and sent, and everything is looked at."""
        ground, database = self.ground, self.ground.databases[0]
        for posted in self.on_the_way:
            self.reach(posted, 0)
        while self.inbox:
            self.handle_of(self.inbox[0].key[1], 1)
        self.later, self.held = self.later + 2 * HOUR, set()
        while due := self.due():
            for row in due.values():
                self.send_row(row, "sent", 0)
        ground.loop.run_until_complete(self.receiver.close())
        waiting = deliveries.waiting(database, CHANNEL, MANY, MANY)
        assert [row for row in waiting if row.sender in self.owed] == []
        sent_in = 0
        for expected in self.expected.values():
            for token, answers in expected.sent_in.items():
                found = submissions.reference_for_draft(database, token)
                assert found is not None
                opened = submissions.open_submission(database, found[0], actor="cli:reliability", at=datetime.now(UTC))
                assert opened is not None
                assert dict(opened.answers) == answers
                sent_in += 1
        assert submissions.count(database) == self.before + sent_in
        ground.sent_in += sent_in
        if ground.runs % 100 == 1:
            assert audit.verify(database) == []


def _marks(response: Response) -> list[str]:
    """What stands behind each "Skicka in" of a response."""
    ids = [choice.id.split(":") for reply in response.replies for choice in reply.choices]
    return [id[3] for id in ids if id[2:3] == ["submit"]]


def _known(ids: Any) -> list[str]:
    """The buttons that the model knows: answers, and what may be done about an open form."""
    found = []
    for choice_id in ids:
        kind, *fields = choice_id.split(":", 3)
        if kind == "a" or (kind == "d" and fields[1] in KNOWN_ACTIONS):
            found.append(choice_id)
    return found
