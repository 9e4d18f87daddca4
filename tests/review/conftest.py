"""Fixtures for the review pages: an office on top of the test's database."""

import pytest

from storage.database import Database
from tests.review.office import Office


@pytest.fixture
def office(database: Database) -> Office:
    """The review pages with nobody and nothing in them."""
    return Office(database)
