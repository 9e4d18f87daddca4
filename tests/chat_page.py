"""The web chat in Chromium as a resident uses it: write something, tap a button, and wait for the reply."""

from playwright.sync_api import Page


def say(page: Page, text: str) -> None:
    """Write a text and send it."""
    answered = page.get_by_role("log").locator(".reply").count()
    page.get_by_role("textbox").fill(text)
    page.get_by_role("button", name="Skicka", exact=True).click()
    _wait_for_reply(page, answered)


def tap(page: Page, label: str) -> None:
    """Tap the newest button with this label."""
    answered = page.get_by_role("log").locator(".reply").count()
    page.get_by_role("log").get_by_role("button", name=label, exact=True).last.click()
    _wait_for_reply(page, answered)


def _wait_for_reply(page: Page, answered: int) -> None:
    page.wait_for_function("seen => document.querySelectorAll('[role=log] .reply').length > seen", arg=answered)
