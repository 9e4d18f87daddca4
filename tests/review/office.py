"""A review side in miniature: a real database in a file, one small form, a clock that the test moves."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient

from forms.form import Form, Option, Question
from forms.identities import identities_in
from forms.loader import form_to_snapshot
from review.app import create_app
from review.passwords import Passwords
from storage import intake, reviewers
from storage.database import Database
from storage.reviewers import Reviewer

PASSWORD = "en lång mening om båtar"
ORIGIN = "http://testserver.local"


@dataclass
class Clock:
    """Time stands still until the test moves it."""

    now: datetime = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


def texts(swedish: str, english: str | None = None) -> dict[str, str]:
    return {"sv": swedish, "en": english or swedish}


FORM = Form(
    id="provform",
    version=3,
    title=texts("Provformulär", "Trial form"),
    purpose=texts("För prov."),
    information=texts("Så hanteras svaren."),
    stop_text=texts("Ring i stället."),
    receipt=texts("Tack."),
    questions=(
        Question("namn", "text", texts("Namn"), texts("Vad heter du?", "What is your name?"), required=True),
        Question(
            "tolk",
            "yes_no",
            texts("Tolk"),
            texts("Vill du ha tolk?", "Do you want an interpreter?"),
            flag_when_skipped="tolk_obesvarad",
        ),
        Question(
            "uppdrag",
            "multi_choice",
            texts("Uppdrag"),
            texts("Vad vill du göra?", "What would you like to do?"),
            options=(
                Option("grupp", texts("Leda en grupp", "Lead a group"), flag="gruppledare"),
                Option("familj", texts("Vara kontaktfamilj", "Be a contact family")),
            ),
        ),
        Question("mobil", "phone", texts("Telefon"), texts("Vilket nummer har du?", "What is your number?")),
        Question("ovrigt", "long_text", texts("Övrigt"), texts("Vill du berätta mer?", "Anything else?")),
    ),
    channels=("web",),
    flag_labels={
        "gruppledare": texts("Vill leda en grupp."),
        "tolk_obesvarad": texts("Har inte svarat om tolk."),
    },
)
ANSWERS: dict[str, Any] = {
    "namn": "Vendela Provsson",
    "tolk": True,
    "uppdrag": ["grupp"],
    "mobil": "+46701740605",
    "ovrigt": "Första raden\nAndra raden",
}


@dataclass
class Browser:
    """A browser without JavaScript: follows nothing by itself, sends forms with the token found on the page."""

    client: TestClient[Litestar]
    page: str = ""
    last: Response = field(default_factory=lambda: Response(0))

    def get(self, address: str) -> Response:
        response = self.client.get(address, follow_redirects=False)
        self.page = response.text
        return response

    def post(self, address: str, headers: dict[str, str] | None = None, **fields: str) -> Response:
        """Post with the token of the latest page, unless `csrf` is given."""
        fields.setdefault("csrf", self.token)
        headers = {"Origin": ORIGIN} | (headers or {})
        response = self.client.post(address, data=fields, headers=headers, follow_redirects=False)
        self.page = response.text
        return response

    @property
    def token(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]*)"', self.page)
        return found[1] if found else ""

    @property
    def text(self) -> str:
        """The page as somebody reads it: no tags, one space between words."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.page.split("</head>")[-1])).split())

    @property
    def session(self) -> str:
        """The value of the session cookie."""
        return next(cookie.value or "" for cookie in self.client.cookies.jar if cookie.name.endswith("kontakt_review"))

    def plant(self, session: str) -> None:
        """Put a session cookie in the browser, as somebody who has stolen or invented one would."""
        self.client.cookies.set("kontakt_review", session, domain="testserver.local", path="/")

    def sign_in(self, username: str = "vera", password: str = PASSWORD) -> Response:
        self.get("/logga-in")
        return self.post("/logga-in", username=username, password=password, till="/inkommet")


@dataclass
class Office:
    """The application with its database and clock."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    secure_cookies: bool = False
    sign_in_note: str | None = None
    passwords: Passwords = field(default_factory=lambda: Passwords(memory_kib=19456, passes=2))

    def __post_init__(self) -> None:
        self.app = create_app(
            self.database,
            {FORM.id: FORM},
            {"sala": "Sala", "vingaker": "Vingåker", "annan": "Annan kommun"},
            session_secret=self.database.keyring.session_secret,
            secure_cookies=self.secure_cookies,
            sign_in_note=self.sign_in_note,
            clock=self.clock,
            passwords=self.passwords,
        )

    def reviewer(self, username: str = "vera", name: str = "Vera Handläggare") -> Reviewer:
        stored = self.passwords.hash(PASSWORD)
        at = self.clock()
        return reviewers.add(self.database, username, name, stored, "reviewer", actor="cli:test", at=at)

    def browser(self) -> Browser:
        scheme = "https" if self.secure_cookies else "http"
        client = TestClient(self.app, base_url=f"{scheme}://testserver.local", raise_server_exceptions=False)
        return Browser(client)

    def signed_in(self, username: str = "vera") -> Browser:
        if reviewers.find(self.database, username) is None:
            self.reviewer(username)
        browser = self.browser()
        assert browser.sign_in(username).status_code == 303
        browser.get("/inkommet")
        return browser

    def submit(
        self,
        answers: dict[str, Any] | None = None,
        *,
        form: Form = FORM,
        flags: tuple[str, ...] = (),
        municipality: str | None = "sala",
        language: str = "sv",
        reference: str | None = None,
    ) -> str:
        """Store a submission as the resident's side does; returns its reference."""
        reference = reference or intake.make_reference()
        answers = ANSWERS if answers is None else answers
        who = identities_in(form, answers)
        new = intake.NewSubmission(
            reference=reference,
            draft_token="utkast" + reference,
            form_id=form.id,
            form_version=form.version,
            form_snapshot=form_to_snapshot(form),
            answers=answers,
            flags=flags,
            municipality=municipality,
            channel="web",
            language=language,
            names=who.names,
            numbers=who.numbers,
        )
        with self.database.transaction() as session:
            intake.insert(session, new, actor="resident", at=self.clock())
        return reference
