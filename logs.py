"""The log: one JSON line an event on standard error – event names, ids and counts, never what anybody wrote.

A library's own log line is kept to the place it comes from and, where it is one that stands word for word in the
library's code, its pattern ("%s failed"), without the values put into it; an exception to its type and the places it
went through. Values and the texts of exceptions can hold what a resident typed, or a token.
"""

import linecache
import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

LEVELS: Final = {"info": logging.WARNING, "debug": logging.DEBUG}
"""The log's levels by name, and from which level on a library is heard."""
_LONGEST: Final = 120
_PLACES: Final = 4


def configure(level: str = "info") -> None:
    """Send everything that is logged, by us and by libraries, to standard error as JSON lines; what nobody catches too.

    `level` is a key of LEVELS; debug lets every line of every library through, in the same reduced form.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_values,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min(LEVELS[level], logging.INFO)),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Pattern()]
    root.setLevel(LEVELS[level])
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, problem, trace: uncaught(problem)
    sys.unraisablehook = lambda lost: uncaught(lost.exc_value or lost.exc_type())
    threading.excepthook = lambda lost: uncaught(lost.exc_value or lost.exc_type())


def without_values(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the places it went through."""
    problem = event.pop("exc_info", None)
    if problem is True:
        problem = sys.exc_info()[1]
    elif isinstance(problem, tuple):
        problem = problem[1]
    if isinstance(problem, BaseException):
        frames = traceback.extract_tb(problem.__traceback__)
        event["error"] = type(problem).__name__
        event["at"] = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames[-_PLACES:]]
    return event


def uncaught(problem: BaseException) -> None:
    """What Python would print together with its message, in the log's own form."""
    structlog.get_logger().error("process.uncaught", exc_info=problem)


class _Pattern(logging.Handler):
    """A library's log line as an event of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        said: dict[str, Any] = {"library": record.name, "place": f"{record.filename}:{record.lineno}"}
        if pattern := _pattern(record):
            said["pattern"] = pattern
        level = "error" if record.levelno >= logging.ERROR else logging.getLevelName(record.levelno).lower()
        known = level if level in ("error", "warning", "info") else "debug"
        getattr(structlog.get_logger(), known)("library", **said, exc_info=record.exc_info)


def _pattern(record: logging.LogRecord) -> str:
    """The line's first words as its code has them; empty where values were put into it before it came here."""
    if not isinstance(record.msg, str) or not record.msg:
        return ""
    first = record.msg.splitlines()[0]
    code = "".join(linecache.getlines(record.pathname))
    return first[:_LONGEST] if f'"{first}' in code or f"'{first}" in code else ""
