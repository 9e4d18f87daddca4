"""Residents and staff over plain HTTP, as their browsers speak it: for tests of running processes without Chromium."""

import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

PASSWORD = "fyra lugna gula hus"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Person:
    """Somebody's browser: its cookies, and the latest page. `address`: where a proxy would say that they are."""

    site: str
    address: str | None = None
    page: str = ""
    cookies: CookieJar = field(default_factory=CookieJar)

    def __post_init__(self) -> None:
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies), _NoRedirect)

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> int:
        """One request; the status. What came back is in `page`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.address:
            named["X-Forwarded-For"] = self.address
        request = urllib.request.Request(f"{self.site}{path}", body, {"Origin": self.site} | named)
        try:
            with self._browser.open(request, timeout=30) as answer:
                self.page = answer.read().decode("utf-8", "replace")
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                self.page = refused.read().decode("utf-8", "replace")
                return refused.code


class Resident(Person):
    """At the web chat, speaking as the page's script does."""

    def __init__(self, site: str, query: str = "", address: str | None = None) -> None:
        super().__init__(site, address)
        assert self.ask(f"/{query}") == 200, self.page

    def turn(self, message_id: str | None = None, **message: str) -> tuple[int, dict[str, Any]]:
        """Status and answer to {"text": …} or {"choice": …}; the same `message_id` is the same message again."""
        body = json.dumps({"message_id": message_id or uuid4().hex, **message}).encode()
        status = self.ask("/turn", body, Content_Type="application/json")
        return status, json.loads(self.page)

    def say(self, **message: str) -> dict[str, Any]:
        """The answer; it must be one."""
        status, answer = self.turn(**message)
        assert status == 200, answer
        return answer

    def reads(self, **message: str) -> str:
        """All text of the answer."""
        return "\n".join(reply["text"] for reply in self.say(**message)["replies"])


class Staff(Person):
    """At the review pages: forms are sent with the token of the latest page."""

    def post(self, path: str, **fields: str) -> int:
        """Send a form; the status."""
        token = re.search(r'name="csrf" value="([0-9a-f]*)"', self.page)
        body = urlencode({"csrf": token[1] if token else "", **fields}).encode()
        return self.ask(path, body, Content_Type="application/x-www-form-urlencoded")

    def make_account(self, invitation: str, username: str = "karin", name: str = "Karin Testberg") -> None:
        """Use a one-time link."""
        path = urlsplit(invitation).path
        assert self.ask(path) == 200, self.page
        given = {"name": name, "username": username, "password": PASSWORD, "password_again": PASSWORD}
        assert self.post(path, **given) == 303, self.page

    def sign_in(self, username: str = "karin", password: str = PASSWORD) -> int:
        """Sign in; 303 when it was right."""
        assert self.ask("/logga-in") == 200, self.page
        return self.post("/logga-in", username=username, password=password, till="/inkommet")
