"""What has happened to a submission, in words: status changes, notes, and the log of who has read or changed
it."""

from collections.abc import Sequence
from datetime import datetime

from review.desk import Desk
from review.labels import load_added_kinds, stockholm_iso, stockholm_time
from storage import reviewers
from storage.audit import AuditEvent
from storage.submissions import StatusChange, Submission

Entry = dict[str, str]


class Names:
    """Actor -> what staff read; each reviewer is looked up once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known = {"resident": "Den som skickade in"}

    def of(self, actor: str) -> str:
        """A reviewer's name with the username; the username alone when the account is gone."""
        if actor not in self._known:
            self._known[actor] = self._look_up(actor)
        return self._known[actor]

    def _look_up(self, actor: str) -> str:
        if actor.startswith("cli:"):
            return f"Kommandoraden ({actor.removeprefix('cli:')})"
        reviewer = reviewers.find(self._desk.database, actor)
        return actor if reviewer is None else f"{reviewer.name} ({reviewer.username})"


def history_of(desk: Desk, names: Names, opened: Submission) -> list[Entry]:
    """Status changes and notes together, the latest first."""
    found = [(change.changed_at, status_entry(desk, names, change)) for change in opened.status_changes]
    found += [
        (note.written_at, _entry(note.written_at, names.of(note.actor), note.text) | {"kind": "note"})
        for note in opened.notes
    ]
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0], reverse=True)]


def changes_since(desk: Desk, names: Names, opened: Submission, version: int) -> list[Entry]:
    """What has made the submission of that version the one it is now: each status change and addition made one more."""
    found = [(change.changed_at, status_entry(desk, names, change)) for change in opened.status_changes]
    kinds = load_added_kinds()
    found += [
        (added.added_at, _entry(added.added_at, names.of("resident"), kinds.get(added.kind, added.kind)))
        for added in opened.additions
    ]
    ordered = [entry for _, entry in sorted(found, key=lambda pair: pair[0])]
    return ordered[-(opened.version - version) :] if 0 < version < opened.version else ordered


def status_entry(desk: Desk, names: Names, change: StatusChange) -> Entry:
    """One status change as a sentence."""
    text = f"Status: {_label(desk, change.from_status)} → {_label(desk, change.to_status)}"
    return _entry(change.changed_at, names.of(change.actor), text) | {"kind": "status"}


def trail_of(desk: Desk, names: Names, events: Sequence[AuditEvent]) -> list[Entry]:
    """Audit events as sentences, the latest first. An event without a sentence is shown by its own name."""
    return [_event_entry(desk, names, event) for event in reversed(events)]


def _event_entry(desk: Desk, names: Names, event: AuditEvent) -> Entry:
    text = desk.event_texts.get(event.event, event.event)
    if event.event == "submission.status_changed":
        before, after = str(event.details.get("from")), str(event.details.get("to"))
        text = text.format(before=_label(desk, before), after=_label(desk, after))
    return _entry(event.at, names.of(event.actor), text)


def _entry(at: datetime, who: str, text: str) -> Entry:
    return {"at": stockholm_time(at), "iso": stockholm_iso(at), "who": who, "text": text}


def _label(desk: Desk, status: str) -> str:
    return desk.statuses[status].label if status in desk.statuses else status
