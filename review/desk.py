"""What the review pages stand on: the database, the forms, the brochures, the labels, the secret and the clock, in one
frozen object.

`create_app` makes one `Desk`; handlers fetch it with `desk_of(request)`. Nothing here decides anything.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, cast

from litestar import Request

from brochures.lookup import Library
from forms.form import Form
from review.labels import Reason, Status
from review.passwords import Passwords
from storage.database import Database

StaffRequest: TypeAlias = Request[Any, Any, Any]


@dataclass(frozen=True)
class Desk:
    """Everything the pages need from outside. `clock` returns aware UTC time."""

    database: Database
    forms: Mapping[str, Form]
    municipality_names: Mapping[str, str]
    library: Library
    statuses: Mapping[str, Status]
    missed_reasons: Mapping[str, Reason]
    channels: Mapping[str, str]
    event_texts: Mapping[str, str]
    passwords: Passwords
    session_secret: bytes
    secure_cookies: bool
    sign_in_note: str | None
    clock: Callable[[], datetime]

    @property
    def session_cookie(self) -> str:
        """Name of the cookie that holds a signed-in session."""
        return ("__Host-" if self.secure_cookies else "") + "kontakt_review"

    @property
    def visit_cookie(self) -> str:
        """Name of the cookie that ties the form of a page open to everyone to one browser, until sign-in."""
        return ("__Host-" if self.secure_cookies else "") + "kontakt_review_visit"

    def form_token(self, cookie_value: str) -> str:
        """The token that a form must carry when the browser holds this cookie value (hexadecimal)."""
        return hmac.new(self.session_secret, b"review.form\0" + cookie_value.encode(), hashlib.sha256).hexdigest()


def desk_of(request: StaffRequest) -> Desk:
    """The desk that `create_app` put in the application's state."""
    return cast(Desk, request.app.state["desk"])
