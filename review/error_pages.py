"""What the reader sees when something is refused or fails: what happened, what to do, never a detail of the
program.

The texts are data in `error_pages.yml`. An unexpected error is logged by its type and place in the code only,
because messages of errors may quote what somebody typed.
"""

import traceback
from pathlib import Path

import structlog
import yaml
from litestar.exceptions import HTTPException
from litestar.response import Response, Template
from litestar.types import ExceptionHandlersMap

from review.desk import StaffRequest
from review.pages import page
from storage.database import DatabaseUnavailableError

ERROR_PAGES = Path(__file__).parent / "error_pages.yml"


def make_error_pages() -> ExceptionHandlersMap:
    """Which handler shows which error."""
    texts = yaml.safe_load(ERROR_PAGES.read_text(encoding="utf-8"))

    def show(request: StaffRequest, status: int, headers: dict[str, str] | None = None) -> Template:
        return page(
            request,
            "error.html",
            status=status,
            headers=headers,
            code=status,
            **texts.get(status, texts["other"]),
        )

    def refused(request: StaffRequest, error: HTTPException) -> Response[bytes]:
        if error.status_code >= 500:
            return unexpected(request, error)
        return show(request, error.status_code, error.headers)

    def unavailable(request: StaffRequest, error: DatabaseUnavailableError) -> Response[bytes]:
        log_error(request, error)
        return show(request, 503, {"Retry-After": "10"})

    def unexpected(request: StaffRequest, error: Exception) -> Response[bytes]:
        log_error(request, error)
        return show(request, 500)

    return {HTTPException: refused, DatabaseUnavailableError: unavailable, Exception: unexpected}


def log_error(request: StaffRequest, error: Exception) -> None:
    """One event: the kind of error, where in the code, and which route; no address, no message, no value."""
    frames = traceback.extract_tb(error.__traceback__)
    structlog.get_logger("review").error(
        "review.request_failed",
        error=type(error).__name__,
        route=request.scope.get("path_template", ""),
        at=[f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:]],
    )
