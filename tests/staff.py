"""What staff do in a browser, for the story tests."""

from playwright.sync_api import Page
from running_kontakt import RunningKontakt

NAME, USERNAME, PASSWORD = "Karin Testberg", "karin", "fyra lugna gula hus"


def make_account_and_sign_in(page: Page, kontakt: RunningKontakt) -> None:
    """Use the one-time link, make an account, sign in; ends at the list."""
    page.goto(kontakt.invitation())
    page.locator("#name").fill(NAME)
    page.locator("#username").fill(USERNAME)
    page.locator("#password").fill(PASSWORD)
    page.locator("#password_again").fill(PASSWORD)
    page.locator("main").get_by_role("button").click()
    page.wait_for_url("**/logga-in*")
    page.locator("#username").fill(USERNAME)
    page.locator("#password").fill(PASSWORD)
    page.locator("main").get_by_role("button").click()
    page.wait_for_url("**/inkommet")
