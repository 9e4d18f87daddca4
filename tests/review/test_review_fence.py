"""Every route, taken from the router itself: closed to strangers, safe headers, no form without its token."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from litestar import Litestar

from forms.form import Form, Question
from review.app import HEADERS
from storage import reviewers
from storage.database import Database
from tests.review.office import FORM, ORIGIN, PASSWORD, Browser, Office, texts

OPEN = {
    ("GET", "/logga-in"),
    ("POST", "/logga-in"),
    ("GET", "/valkommen/{token:str}"),
    ("POST", "/valkommen/{token:str}"),
}
SAFE = {"GET", "HEAD", "OPTIONS"}


def routes_of(app: Litestar) -> Iterator[tuple[str, str]]:
    """(method, path) of everything the application answers."""
    for route in app.routes:
        for method in sorted(route.methods):
            yield str(method), route.path


def address_of(path: str, reference: str, token: str = "invented") -> str:
    path = path.replace("{reference:str}", reference).replace("{token:str}", token)
    return path.replace("{file_path:path}", "review.css")


def call(browser: Browser, method: str, address: str, **kwargs: object) -> int:
    response = browser.client.request(method, address, follow_redirects=False, **kwargs)  # type: ignore[arg-type]
    browser.page = response.text
    browser.last = response
    return response.status_code


def test_no_route_is_open_by_mistake(office: Office) -> None:
    """A stranger gets the sign-in page or a refusal, whatever the route; files are the same for everybody."""
    reference = office.submit()
    seen = set()
    for method, path in routes_of(office.app):
        if path.startswith("/static/"):
            continue
        browser = office.browser()
        status = call(browser, method, address_of(path, reference))
        if (method, path) in OPEN:
            assert status in {200, 403, 410}, (method, path)
        elif method in SAFE:
            assert (status, browser.last.headers["location"][:10]) == (303, "/logga-in?"), (method, path)
        else:
            assert status == 401, (method, path)
        assert "Vendela" not in browser.page
        seen.add((method, path))
    assert seen >= OPEN | {("GET", "/inkommet"), ("POST", "/inkommet/{reference:str}/status")}


def test_a_stranger_with_an_invented_session_is_a_stranger(office: Office) -> None:
    reference = office.submit()
    for value in ("x", "a" * 5000, "' OR 1=1 --", "%00"):
        browser = office.browser()
        browser.plant(value)
        assert browser.get(f"/inkommet/{reference}").status_code == 303


@pytest.mark.parametrize("secure", [False, True])
def test_the_headers_are_on_every_answer(database: Database, secure: bool) -> None:
    office = Office(database, secure_cookies=secure)
    reference = office.submit()
    addresses = [(method, address_of(path, reference)) for method, path in routes_of(office.app)]
    addresses += [
        ("GET", "/nothing-here"),
        ("DELETE", "/inkommet"),
        ("GET", "/static/nothing"),
        ("PUT", "/static/review.css"),
    ]
    for method, address in addresses:
        browser = office.browser()
        call(browser, method, address)
        for name, value in HEADERS.items():
            assert browser.last.headers.get_list(name) == [value], (method, address, name)
        assert ("strict-transport-security" in browser.last.headers) is secure
        assert "access-control-allow-origin" not in browser.last.headers


def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"unsafe|\*|http|data:|script-src", policy)
    for part in ("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy


@pytest.mark.parametrize("csrf", ["", "0" * 64, "å", None], ids=["empty", "zeros", "not ascii", "missing"])
def test_no_form_without_its_token(office: Office, csrf: str | None) -> None:
    reference = office.submit()
    token = reviewers.create_invitation(office.database, office.clock(), actor="cli:test")
    browser = office.signed_in()
    fields = {} if csrf is None else {"csrf": csrf}
    posts = [path for method, path in routes_of(office.app) if method not in SAFE]
    assert len(posts) == 10
    for path in posts:
        for one in (browser, visitor(office)):
            if one is not browser and ("POST", path) not in OPEN:
                continue
            address = address_of(path, reference, token)
            status = call(one, "POST", address, data=fields | {"text": "x"}, headers={"Origin": ORIGIN})
            assert status == 403, path
    assert reviewers.count(office.database) == 1


def visitor(office: Office) -> Browser:
    browser = office.browser()
    browser.get("/logga-in")
    return browser


def test_a_token_of_another_browser_is_refused(office: Office) -> None:
    office.reviewer()
    mine, theirs = visitor(office), visitor(office)
    assert mine.post("/logga-in", csrf=theirs.token, username="vera", password=PASSWORD, till="").status_code == 403


def test_the_token_changes_with_sign_in(office: Office) -> None:
    office.reviewer()
    browser = visitor(office)
    before = browser.token
    browser.sign_in()
    browser.get("/inkommet")
    assert browser.token != before
    assert browser.post("/logga-ut", csrf=before).status_code == 403


ORIGINS = [
    ({"Origin": ORIGIN}, True),
    ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, True),
    ({"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}, True),
    ({}, True),
    ({"Origin": "https://evil.example"}, False),
    ({"Origin": ORIGIN + ".evil.example"}, False),
    ({"Origin": "http://testserver.local:9999"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": ""}, False),
    ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
    ({"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Origin": "http://[::1"}, False),
]


@pytest.mark.parametrize(("headers", "taken"), ORIGINS, ids=[str(headers) for headers, _ in ORIGINS])
def test_another_site_cannot_send_our_forms(office: Office, headers: dict[str, str], taken: bool) -> None:
    browser = office.signed_in()
    fields = {"csrf": browser.token}
    status = call(browser, "POST", "/logga-ut", data=fields, headers=headers)
    assert status == (303 if taken else 403)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"csrf={token}&text=" + b"x" * 70_000, {}, 413),
        (b"csrf={token}&" + b"&".join(b"f%d=1" % n for n in range(5_000)), {}, 400),
        (b"csrf={token}&csrf={token}&text=x", {}, 400),
        (b"csrf={token}&text=x&status=closed", {}, 400),
        (b"csrf={token}", {}, 400),
        (b"csrf={token}&text=%ff%fe", {}, 400),
        (b"csrf={token}&text=\xff", {}, 400),
        (b'{"csrf": "{token}", "text": "x"}', {"Content-Type": "application/json"}, 400),
        (b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 400),
        (b"", {"Content-Type": ""}, 403),
    ],
    ids=[
        "too large",
        "too many fields",
        "repeated",
        "hidden field",
        "missing",
        "not utf-8",
        "raw bytes",
        "json",
        "multipart",
        "none",
    ],
)
def test_a_strange_body_is_refused_in_words(
    office: Office, content: bytes, headers: dict[str, str], status: int
) -> None:
    reference = office.submit()
    browser = office.signed_in()
    body = content.replace(b"{token}", browser.token.encode())
    usual = {"Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded"}
    assert call(browser, "POST", f"/inkommet/{reference}/anteckning", content=body, headers=usual | headers) == status
    assert f"Felkod: {status}" in browser.text
    assert "Gör så här" in browser.text


@pytest.mark.parametrize(
    ("method", "address", "status", "title"),
    [
        ("GET", "/nothing-here", 404, "Sidan finns inte"),
        ("GET", "/inkommet/ABCDEFGH", 404, "Sidan finns inte"),
        ("GET", "/schema", 404, "Sidan finns inte"),
        ("GET", "/schema/swagger", 404, "Sidan finns inte"),
        ("GET", "/static/../app.py", 404, "Sidan finns inte"),
        ("GET", "/static/%2e%2e/app.py", 404, "Sidan finns inte"),
        ("DELETE", "/inkommet", 405, "Så går det inte att använda sidan"),
        ("GET", "/logga-ut", 405, "Så går det inte att använda sidan"),
    ],
)
def test_errors_are_pages_in_swedish(office: Office, method: str, address: str, status: int, title: str) -> None:
    browser = office.signed_in()
    assert call(browser, method, address) == status
    assert browser.last.headers["content-type"].startswith("text/html")
    assert f"<h1>{title}</h1>" in browser.page
    assert f"Felkod: {status}" in browser.text


def broken_form() -> Form:
    return replace(FORM, questions=(Question("namn", "no such type", texts("Namn"), texts("Namn?")),))


def hide_a_table(office: Office) -> None:
    with office.database.transaction() as session:
        session.connection().exec_driver_sql("ALTER TABLE submission_notes RENAME TO elsewhere")


@pytest.mark.parametrize(("status", "told"), [(500, "Något gick fel hos oss"), (503, "Vi når inte databasen just nu")])
def test_a_failure_gives_a_plain_page_and_a_log_line_without_content(
    office: Office, capsys: pytest.CaptureFixture[str], status: int, told: str
) -> None:
    reference = office.submit({"namn": "Kanarie Fågelsson"}, form=broken_form() if status == 500 else FORM)
    browser = office.signed_in()
    if status == 503:
        hide_a_table(office)
    assert browser.get(f"/inkommet/{reference}").status_code == status
    assert told in browser.text
    printed = capsys.readouterr()
    assert "review.request_failed" in printed.out + printed.err
    for secret in ("Kanarie", reference, "Traceback", "elsewhere", "submission_notes", "no such type"):
        assert secret not in browser.page + printed.out + printed.err


def test_no_page_asks_another_site_for_anything_or_holds_script(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    token = reviewers.create_invitation(office.database, office.clock(), actor="cli:test")
    addresses = ("/inkommet", f"/inkommet/{reference}", "/fragor", "/loggkontroll", f"/valkommen/{token}", "/x")
    pages = [browser.get(address).text for address in addresses]
    pages.append(visitor(office).page)
    pages.append(browser.get("/static/review.css").text)
    for page in pages:
        assert not re.search(r"<script|javascript:|\son\w+=|style=|https?://|@import|url\(", page)


def test_pages_are_built_for_every_reader(office: Office) -> None:
    """Every field has a label, every page one h1, one main, a language and a title without personal data."""
    reference = office.submit()
    browser = office.signed_in()
    token = reviewers.create_invitation(office.database, office.clock(), actor="cli:test")
    addresses = ("/inkommet", f"/inkommet/{reference}", "/fragor", "/loggkontroll", f"/valkommen/{token}", "/x")
    pages = [browser.get(address).text for address in addresses]
    pages.append(visitor(office).page)
    for page in pages:
        assert '<html lang="sv">' in page
        assert (page.count("<h1"), page.count("<main"), page.count("<title>")) == (1, 1, 1)
        labels = set(re.findall(r'<label for="([^"]+)"', page))
        fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", page, re.DOTALL)
        visible = [field for field in fields if 'type="hidden"' not in field]
        for field in visible:
            found = re.search(r'\bid="([^"]+)"', field)
            assert found and found[1] in labels, field
    titles = [re.findall(r"<title>(.*?)</title>", page, re.DOTALL)[0] for page in pages]
    assert titles == [
        "Inkomna formulär – Kontakt",
        f"{reference} – Kontakt",
        "Frågor utan svar – Kontakt",
        "Loggkontroll – Kontakt",
        "Skapa ditt konto – Kontakt",
        "Sidan finns inte – Kontakt",
        "Logga in – Kontakt",
    ]


def test_ids_are_used_once_on_each_page(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    for address in ("/inkommet", f"/inkommet/{reference}", "/fragor", "/loggkontroll"):
        ids = re.findall(r'\sid="([^"]+)"', browser.get(address).text)
        assert not [one for one, group in itertools.groupby(sorted(ids)) if len(list(group)) > 1]
