"""Until when things are kept, as residents are told it: the municipality's rules, asked for one conversation."""

from collections.abc import Mapping
from datetime import date, datetime

from storage import retention
from storage.conversations import Conversation, Draft
from storage.retention import Policy


def kept_until(policy: Policy, draft: Draft | None, at: datetime) -> Mapping[str, date | None]:
    """Kind -> the last day on which it is kept when nothing more happens; None: it is not removed by itself."""
    return {one.kind: one.until for one in retention.kept(policy, Conversation("", "", draft=draft), at)}
