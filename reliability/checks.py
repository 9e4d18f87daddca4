"""What must be true of the database afterwards, whatever happened: compared with what the residents know."""

import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from bot.web.visit import Visits
from reliability.lines import TelegramLine, WebLine
from reliability.residents import Conversation, Filling, World
from reliability.service import Place
from settings import ROOT
from storage import audit, conversations, deliveries, submissions
from storage.database import Database
from storage.tables import Base

ACTOR = "cli:reliability"
FAR = timedelta(days=400)


@dataclass
class Findings:
    """What was compared, and every difference, one clear line each."""

    messages: int = 0
    drafts: int = 0
    submissions: int = 0
    receipts: int = 0
    audit_events: int = 0
    differences: Counter[str] = field(default_factory=Counter)
    """Kind -> how many. The kinds are those of KINDS."""
    lines: list[str] = field(default_factory=list)

    def differ(self, kind: str, line: str) -> None:
        """Count one, and keep what it was."""
        assert kind in KINDS
        self.differences[kind] += 1
        self.lines.append(f"{kind}: {line}")


KINDS = (
    "acknowledged message lost",
    "draft that is not what was answered",
    "submission that is not what was answered",
    "double submission",
    "receipt for what is not stored",
    "submission without its receipt",
    "message or reply left over",
    "audit trail",
    "integrity",
)


def examine(place: Place, world: World, talked: Sequence[Conversation], offset: int, found: Findings) -> None:
    """Compare all that was said with all that is stored. The service must have ended; `offset` is Telegram's."""
    for line in integrity(place):
        found.differ("integrity", line)
    database = place.open()
    try:
        _name_senders(database, talked)
        for conversation in talked:
            _messages(database, conversation, offset, found)
            for number, filling in enumerate(conversation.fillings, start=1):
                _filling(database, world, conversation, filling, number == len(conversation.fillings), found)
        _totals(database, talked, found)
    finally:
        database.close()


def as_an_operator_would(place: Place, found: Findings) -> None:
    """`kontakt audit verify`, which also compares with what is kept outside the database."""
    command = [sys.executable, "kontakt.py", "audit", "verify"]
    environment = place.environment("http://127.0.0.1:9/bot")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        found.differ("audit trail", f"{done.stdout} {done.stderr}".strip())


def integrity(place: Place) -> list[str]:
    """What the database itself finds wrong: SQLite's checks, or every page of every table read on PostgreSQL."""
    if place.file is not None:
        with sqlite3.connect(place.file) as connection:
            checked = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            dangling = [f"foreign key {row}" for row in connection.execute("PRAGMA foreign_key_check")]
        connection.close()
        return [line for line in checked if line != "ok"] + dangling
    database = place.open()
    try:
        with database.reading() as session:
            for table in Base.metadata.sorted_tables:
                session.execute(table.select()).all()
                for key in table.foreign_keys:
                    other, column = key.column.table.name, key.column.name
                    query = (
                        f"SELECT count(*) FROM {table.name} a LEFT JOIN {other} b ON a.{key.parent.name} = b.{column}"
                        f" WHERE a.{key.parent.name} IS NOT NULL AND b.{column} IS NULL"
                    )
                    if dangling_rows := session.scalar(text(query)):
                        return [f"{dangling_rows} rows of {table.name} without their {other}"]
    finally:
        database.close()
    return []


def _name_senders(database: Database, talked: Sequence[Conversation]) -> None:
    """The web's senders are in their sealed cookies."""
    visits = Visits(database.keyring.session_secret, secure=False)
    for conversation in talked:
        if isinstance(conversation.line, WebLine) and conversation.line.cookie:
            name, _, value = conversation.line.cookie.partition("=")
            visit = visits.read({name: value.strip('"')})
            assert visit is not None
            conversation.line.sender = visit.sender


def _messages(database: Database, conversation: Conversation, offset: int, found: Findings) -> None:
    line = conversation.line
    for sent in line.sent:
        if sent.acknowledged or (isinstance(line, TelegramLine) and int(sent.message_id) < offset):
            found.messages += 1
            if conversations.handled(database, line.channel, line.sender, sent.message_id) is None:
                found.differ("acknowledged message lost", f"{line.channel} {sent.message_id}")


def _filling(
    database: Database, world: World, conversation: Conversation, filling: Filling, last: bool, found: Findings
) -> None:
    line = conversation.line
    stored = submissions.reference_for_draft(database, filling.token) if filling.token else None
    if stored is None:
        if filling.reference is not None:
            found.differ("receipt for what is not stored", f"{line.channel} {filling.reference}")
        if last and filling.token:
            found.drafts += 1
            draft = conversations.find(database, line.channel, line.sender).draft
            kept = None if draft is None else (draft.token, dict(draft.answers))
            if kept != (filling.token, filling.answers):
                found.differ("draft that is not what was answered", f"{line.channel} {filling.token}: {kept}")
        return
    reference = stored[0]
    opened = submissions.open_submission(database, reference, actor=ACTOR, at=datetime.now(UTC))
    assert opened is not None
    found.submissions += 1
    if dict(opened.answers) != filling.journey.relevant_answers:
        found.differ("submission that is not what was answered", f"{line.channel} {reference}")
    found.receipts += 1
    if filling.reference != reference and not _owed(database, line.sender, reference):
        found.differ("submission without its receipt", f"{line.channel} {reference}: told {filling.reference}")
    if isinstance(line, TelegramLine):
        told = {named for named in map(world.reference_in, line.texts) if named is not None}
        known = {one.reference for one in conversation.fillings}
        for false in told - known:
            found.differ("receipt for what is not stored", f"{line.channel} {false}")


def _owed(database: Database, sender: str, reference: str) -> bool:
    rows = deliveries.due(database, "telegram", datetime.now(UTC) + FAR, limit=10_000, per_recipient=10_000)
    return any(row.recipient == sender and reference in row.payload["text"] for row in rows)


def _totals(database: Database, talked: Sequence[Conversation], found: Findings) -> None:
    tokens = {filling.token for conversation in talked for filling in conversation.fillings if filling.token}
    begun = sum(submissions.reference_for_draft(database, token) is not None for token in tokens)
    stored = submissions.count(database)
    if stored != begun:
        found.differ("double submission", f"{stored} are stored, of {begun} forms")
    waiting = len(deliveries.waiting(database, "telegram", limit=10_000, per_sender=10_000))
    owed = len(deliveries.due(database, "telegram", datetime.now(UTC) + FAR, limit=10_000, per_recipient=10_000))
    if waiting or owed:
        found.differ("message or reply left over", f"{waiting} messages, {owed} replies")
    for problem in audit.verify(database):
        found.differ("audit trail", problem)
    with database.reading() as session:
        found.audit_events = session.scalar(text("SELECT count(*) FROM audit_events")) or 0
