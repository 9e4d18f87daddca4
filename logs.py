"""The log: one JSON line an event on standard error – event names, ids and counts, never what anybody wrote.

Libraries' own log lines are kept to their pattern ("%s failed"), without the values put into it, and an exception to
its type and the place it came from: both values and exception texts can hold what a resident typed.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog


def configure() -> None:
    """Send everything that is logged, by us and by libraries, to standard error as JSON lines."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_values,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Pattern()]
    root.setLevel(logging.WARNING)


def without_values(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the place it was raised."""
    problem = event.pop("exc_info", None)
    if problem is True:
        problem = sys.exc_info()[1]
    elif isinstance(problem, tuple):
        problem = problem[1]
    if isinstance(problem, BaseException):
        frames = traceback.extract_tb(problem.__traceback__)
        event["error"] = type(problem).__name__
        event["at"] = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames[-4:]]
    return event


class _Pattern(logging.Handler):
    """A library's log line as an event of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        pattern = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        getattr(structlog.get_logger(), level)(
            "library",
            library=record.name,
            pattern=pattern.splitlines()[0][:120] if pattern else "",
            exc_info=record.exc_info,
        )
