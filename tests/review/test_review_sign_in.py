"""Signing in and out: who gets in, who does not, for how long, and how many tries there are."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from review.passwords import Passwords
from storage import audit, reviewers
from storage.database import Database
from tests.review.office import ORIGIN, PASSWORD, Clock, Office

WRONG = "Användarnamnet eller lösenordet stämmer inte"


def test_right_password_leads_to_the_list(office: Office) -> None:
    office.reviewer()
    browser = office.browser()
    response = browser.sign_in()
    assert (response.status_code, response.headers["location"]) == (303, "/inkommet")
    browser.get("/inkommet")
    assert "Inloggad: Vera Handläggare" in browser.text
    assert [event.event for event in audit.trail(office.database, "vera")][-1] == "reviewer.signed_in"


def test_capital_letters_in_the_username_do_not_matter(office: Office) -> None:
    office.reviewer()
    assert office.browser().sign_in(" Vera ").status_code == 303


def test_wrong_unknown_and_closed_accounts_get_the_same_answer(office: Office) -> None:
    office.reviewer()
    closed = office.reviewer("stina")
    reviewers.deactivate(office.database, closed.id, actor="cli:test", at=office.clock())
    pages = []
    for username, password in (("vera", "fel fel fel fel"), ("nobody", PASSWORD), ("stina", PASSWORD)):
        browser = office.browser()
        response = browser.sign_in(username, password)
        assert response.status_code == 401
        assert WRONG in browser.text
        assert "kontakt_review=" not in response.headers.get("set-cookie", "")
        pages.append(browser.text)
    assert len(set(pages)) == 1


def test_the_password_is_never_on_the_page_that_comes_back(office: Office) -> None:
    browser = office.browser()
    browser.sign_in("vera", "hemligheten som syns")
    assert "hemligheten" not in browser.page
    assert 'value="vera"' in browser.page


def test_unknown_and_known_names_cost_a_hash_each(office: Office) -> None:
    """The time is the hash's: an unknown name is compared with a hash of the same cost."""
    stored = office.passwords.hash(PASSWORD)
    nobody = office.passwords._nobody
    assert stored.rsplit("$", 2)[0] == nobody.rsplit("$", 2)[0]
    assert not office.passwords.matches(None, "ingen har det här lösenordet")


def test_passwords_are_argon2id_of_at_least_19_mib_and_two_passes() -> None:
    stored = Passwords().hash(PASSWORD)
    settings = dict(part.split("=") for part in stored.split("$")[3].split(","))
    assert stored.startswith("$argon2id$")
    assert int(settings["m"]) >= 19456
    assert int(settings["t"]) >= 2


def test_an_old_hash_is_renewed_at_sign_in(office: Office) -> None:
    reviewer = office.reviewer()
    weak = Passwords(memory_kib=8192, passes=1)
    reviewers.renew_hash(office.database, reviewer.id, weak.hash(PASSWORD))
    assert office.browser().sign_in().status_code == 303
    renewed = reviewers.find(office.database, "vera")
    assert renewed is not None
    assert "m=19456,t=2" in renewed.password_hash
    assert office.browser().sign_in().status_code == 303


def test_five_tries_a_minute_then_a_pause(office: Office) -> None:
    office.reviewer()
    browser = office.browser()
    for _ in range(5):
        assert browser.sign_in(password="fel fel fel fel").status_code == 401
    response = browser.sign_in()
    assert response.status_code == 429
    assert response.headers["retry-after"] == "60"
    assert "Vänta en minut" in browser.text
    office.clock.advance(seconds=61)
    assert browser.sign_in().status_code == 303


def test_unknown_names_are_throttled_like_known_ones(office: Office) -> None:
    browser = office.browser()
    statuses = [browser.sign_in("nobody", "fel fel fel fel").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_tries_with_one_name_do_not_shut_out_another(office: Office) -> None:
    office.reviewer()
    for _ in range(6):
        office.browser().sign_in("nobody", "fel fel fel fel")
    assert office.browser().sign_in().status_code == 303


def test_thirty_tries_a_minute_from_one_address(office: Office) -> None:
    browser = office.browser()
    statuses = [browser.sign_in(f"nobody{n}", "fel fel fel fel").status_code for n in range(31)]
    assert statuses == [401] * 30 + [429]


def test_many_tries_at_once_do_not_slip_through_together(office: Office) -> None:
    office.reviewer()
    browsers = [office.browser() for _ in range(12)]
    with ThreadPoolExecutor(len(browsers)) as pool:
        statuses = list(pool.map(lambda one: one.sign_in(password="fel fel fel fel").status_code, browsers))
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 5


def test_a_good_sign_in_clears_the_count(office: Office) -> None:
    office.reviewer()
    for _ in range(4):
        office.browser().sign_in(password="fel fel fel fel")
    assert office.browser().sign_in().status_code == 303
    statuses = [office.browser().sign_in(password="fel fel fel fel").status_code for _ in range(5)]
    assert statuses == [401] * 5


def test_the_session_cookie_is_new_at_every_sign_in(office: Office) -> None:
    browser = office.signed_in()
    first = browser.session
    browser.post("/logga-ut")
    browser.plant("planted-by-somebody")
    browser.sign_in()
    second = browser.session
    assert len({first, second, "planted-by-somebody"}) == 3


def test_signing_in_again_ends_the_session_before(office: Office) -> None:
    browser = office.signed_in()
    first = browser.session
    token = browser.token
    browser.post("/logga-in", csrf=token, username="vera", password=PASSWORD, till="/inkommet")
    assert reviewers.session_reviewer(office.database, first, office.clock()) is None


@pytest.mark.parametrize(("secure", "prefix"), [(False, ""), (True, "__Host-")])
def test_cookie_attributes(database: Database, secure: bool, prefix: str) -> None:
    office = Office(database, Clock(), secure_cookies=secure)
    office.reviewer()
    browser = office.browser()
    visit = browser.get("/logga-in").headers["set-cookie"]
    origin = ORIGIN.replace("http:", "https:") if secure else ORIGIN
    fields = {"username": "vera", "password": PASSWORD, "till": ""}
    response = browser.post("/logga-in", headers={"Origin": origin}, **fields)
    session, removed = response.headers.get_list("set-cookie")
    for cookie, name in (
        (visit, "kontakt_review_visit"),
        (session, "kontakt_review"),
        (removed, "kontakt_review_visit"),
    ):
        assert cookie.startswith(f"{prefix}{name}=")
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        assert ("Secure" in cookie) is secure
    assert "Max-Age=0" in removed


@pytest.mark.parametrize(
    ("steps", "still_in"),
    [
        ([timedelta(minutes=14, seconds=59)], True),
        ([timedelta(minutes=15)], False),
        ([timedelta(minutes=14)] * 30, True),
        ([timedelta(minutes=14)] * 35, False),
        ([timedelta(hours=-1)], True),
    ],
    ids=["14:59 idle", "15:00 idle", "7 hours busy", "more than 8 hours busy", "clock set back"],
)
def test_how_long_a_session_lasts(office: Office, steps: list[timedelta], still_in: bool) -> None:
    browser = office.signed_in()
    for step in steps:
        office.clock.now += step
        last = browser.get("/inkommet")
    assert last.status_code == (200 if still_in else 303)


def test_signing_out_ends_the_session_on_the_server(office: Office) -> None:
    browser = office.signed_in()
    cookie = browser.session
    response = browser.post("/logga-ut")
    assert response.headers["location"] == "/logga-in?hur=utloggad"
    browser.plant(cookie)
    assert browser.get("/inkommet").status_code == 303
    assert [event.event for event in audit.trail(office.database, "vera")][-1] == "reviewer.signed_out"


def test_a_closed_account_is_out_at_once(office: Office) -> None:
    browser = office.signed_in()
    vera = reviewers.find(office.database, "vera")
    assert vera is not None
    reviewers.deactivate(office.database, vera.id, actor="cli:test", at=office.clock())
    assert browser.get("/inkommet").status_code == 303


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/inkommet/ABCD2345", "/inkommet/ABCD2345"),
        ("/inkommet", "/inkommet"),
        ("/fragor", "/fragor"),
        ("/fragor?kommun=sala", "/inkommet"),
        ("https://evil.example/", "/inkommet"),
        ("//evil.example/inkommet", "/inkommet"),
        ("/inkommet/../logga-ut", "/inkommet"),
        ("/inkommet\r\nX-Added: 1", "/inkommet"),
        ("/inkommet\n", "/inkommet"),
        ("", "/inkommet"),
    ],
)
def test_sign_in_leads_only_to_our_own_pages(office: Office, wanted: str, reached: str) -> None:
    office.reviewer()
    browser = office.browser()
    browser.get("/logga-in")
    response = browser.post("/logga-in", username="vera", password=PASSWORD, till=wanted)
    assert response.headers["location"] == reached
    assert "x-added" not in response.headers


def test_a_visitor_comes_back_to_the_page_they_wanted(office: Office) -> None:
    reference = office.submit()
    office.reviewer()
    browser = office.browser()
    location = browser.get(f"/inkommet/{reference}").headers["location"]
    browser.get(location)
    assert f'value="/inkommet/{reference}"' in browser.page


def test_the_note_and_the_missing_account_are_told(database: Database) -> None:
    office = Office(database, Clock(), sign_in_note="Det här är en <övning>.")
    browser = office.browser()
    browser.get("/logga-in")
    assert "Det här är en <övning>." in browser.text
    assert "Det finns inget konto än" in browser.text
    office.reviewer()
    browser.get("/logga-in")
    assert "Det finns inget konto än" not in browser.text


def test_an_expired_session_is_told_plainly_when_something_is_sent(office: Office) -> None:
    reference = office.submit()
    browser = office.signed_in()
    browser.get(f"/inkommet/{reference}")
    office.clock.advance(minutes=16)
    response = browser.post(f"/inkommet/{reference}/anteckning", text="Ringde upp.")
    assert response.status_code == 401
    assert "har inte sparats" in browser.text
    assert "Ringde upp." not in browser.page
