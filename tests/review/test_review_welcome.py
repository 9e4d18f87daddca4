"""The one-time link: one account, within half an hour, with a password that will do."""

import pytest

from review.passwords import password_problem
from storage import reviewers
from tests.review.office import PASSWORD, Office

ACCOUNT = {"name": "Vera Handläggare", "username": "vera", "password": PASSWORD, "password_again": PASSWORD}


def invitation(office: Office) -> str:
    return reviewers.create_invitation(office.database, office.clock(), actor="cli:test")


def test_the_link_makes_an_account_that_can_sign_in(office: Office) -> None:
    address = f"/valkommen/{invitation(office)}"
    browser = office.browser()
    assert browser.get(address).status_code == 200
    response = browser.post(address, **ACCOUNT)
    assert (response.status_code, response.headers["location"]) == (303, "/logga-in?hur=konto")
    browser.get("/logga-in?hur=konto")
    assert "Kontot är skapat" in browser.text
    assert browser.sign_in().status_code == 303


def test_the_link_works_once(office: Office) -> None:
    address = f"/valkommen/{invitation(office)}"
    browser, other = office.browser(), office.browser()
    other.get(address)
    browser.get(address)
    browser.post(address, **ACCOUNT)
    assert browser.get(address).status_code == 410
    assert other.post(address, **(ACCOUNT | {"username": "andra"})).status_code == 410
    assert reviewers.count(office.database) == 1


@pytest.mark.parametrize(("minutes", "status"), [(29.9, 200), (30, 410), (600, 410)])
def test_the_link_is_open_for_half_an_hour(office: Office, minutes: float, status: int) -> None:
    address = f"/valkommen/{invitation(office)}"
    office.clock.advance(minutes=minutes)
    assert office.browser().get(address).status_code == status


def test_a_link_that_expires_while_the_form_is_open_makes_nothing(office: Office) -> None:
    address = f"/valkommen/{invitation(office)}"
    browser = office.browser()
    browser.get(address)
    office.clock.advance(minutes=31)
    assert browser.post(address, **ACCOUNT).status_code == 410
    assert reviewers.count(office.database) == 0


@pytest.mark.parametrize("token", ["x", "' OR 1=1 --", "%00", "å" * 50, "a" * 5000])
def test_an_invented_link_is_refused(office: Office, token: str) -> None:
    browser = office.browser()
    assert browser.get(f"/valkommen/{token}").status_code == 410
    assert "Länken går inte att använda" in browser.text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "  "}, "Skriv ditt namn"),
        ({"username": "v"}, "Välj ett användarnamn"),
        ({"username": "Vera Å"}, "Välj ett användarnamn"),
        ({"username": "resident"}, "Välj ett användarnamn"),
        ({"password": "kort", "password_again": "kort"}, "minst 12 tecken"),
        ({"password": "a" * 20, "password_again": "a" * 20}, "minst 5 olika tecken"),
        ({"password": "jag-heter-vera-ja", "password_again": "jag-heter-vera-ja"}, "inte innehålla användarnamnet"),
        ({"password_again": "en annan lång mening"}, "Lösenorden är inte lika"),
    ],
)
def test_what_is_wrong_is_told_and_the_link_stays_open(office: Office, change: dict[str, str], told: str) -> None:
    address = f"/valkommen/{invitation(office)}"
    browser = office.browser()
    browser.get(address)
    response = browser.post(address, **(ACCOUNT | change))
    assert response.status_code == 400
    assert told in browser.text
    assert (ACCOUNT | change)["password"] not in browser.page
    assert browser.post(address, **ACCOUNT).status_code == 303


def test_a_taken_username_is_told_and_the_link_stays_open(office: Office) -> None:
    office.reviewer("vera")
    address = f"/valkommen/{invitation(office)}"
    browser = office.browser()
    browser.get(address)
    assert browser.post(address, **ACCOUNT).status_code == 400
    assert "Användarnamnet är upptaget" in browser.text
    assert browser.post(address, **(ACCOUNT | {"username": "stina"})).status_code == 303


@pytest.mark.parametrize(
    ("password", "username", "good"),
    [
        ("tolv tecken!", "vera", True),
        ("elva tecken", "vera", False),
        ("åäöåäöåäöåäö", "vera", False),
        ("1234512345123", "vera", True),
        ("x" * 199 + "yzåäö", "vera", False),
        ("VERA och hennes hund", "vera", False),
        ("en lång mening", "", True),
    ],
)
def test_the_rule_for_passwords(password: str, username: str, good: bool) -> None:
    assert (password_problem(password, username) is None) is good
