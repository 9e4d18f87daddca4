"""How long the Telegram channel waits, and for what; all in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Ordinarily the defaults. Together they bring the channel back within 10 s when Telegram is well again."""

    poll: float = 4
    """How long Telegram may keep a request for updates open when there are none."""
    answer: float = 2
    """How long the answer to a request for updates may take beyond that."""
    idle: float = 0.2
    """How often inbox and outbox are looked at when nothing wakes them."""
    longest_wait: float = 4
    """Between attempts at most, however often they have failed."""
    refused_wait: float = 60
    """Between attempts with a token that Telegram refuses."""
    webhook_check: float = 60
    """Between looks at whether Telegram still knows the webhook."""
    lease: float = 15
    """After how long without renewal another process may take over."""
    silent: float = 15 * 60
    """From when on an alarm is given because Telegram has not been reached; it keeps updates for 24 hours."""
    silent_again: float = 60 * 60
    """After how long the alarm is repeated."""
    grace: float = 4
    """How long what is under way may take when the channel stops."""
