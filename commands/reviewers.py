"""`kontakt reviewers`: staff accounts – who has one, a link for a new one, closing one, a new password. All audited."""

import getpass
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

import assembly
from commands.options import AsJson, asked, fail
from settings import load_settings

if TYPE_CHECKING:
    from storage.database import Database
    from storage.reviewers import Reviewer

reviewers_app = typer.Typer(help="Staff accounts.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="The account's username.")]


@reviewers_app.command("add")
def reviewers_add() -> None:
    """Make a link with which one person can make an account. It works once, for 30 minutes."""
    from storage import reviewers

    settings = load_settings()
    with assembly.open_database_of(settings) as database:
        token = reviewers.create_invitation(database, datetime.now(UTC), actor=assembly.staff())
    typer.echo(f"http://{settings.host}:{settings.review_port}/valkommen/{token}")


@reviewers_app.command("list")
def reviewers_list(as_json: AsJson = False) -> None:
    """List the accounts: username, open or closed, role, name."""
    from storage import reviewers

    with assembly.open_database_of(load_settings()) as database:
        found = reviewers.listing(database)
    for one in found:
        shown = {"username": one.username, "active": one.active, "role": one.role, "name": one.name}
        plain = f"{one.username:<24} {'open' if one.active else 'closed':<7} {one.role:<9} {one.name}"
        typer.echo(json.dumps(shown, ensure_ascii=False) if as_json else plain)


@reviewers_app.command("deactivate")
def reviewers_deactivate(username: Username) -> None:
    """Close an account: whoever is signed in with it is signed out at once, and nobody can sign in with it again."""
    from storage import reviewers

    with assembly.open_database_of(load_settings()) as database:
        account = _open_account(database, username)
        reviewers.deactivate(database, account.id, actor=assembly.staff(), at=datetime.now(UTC))
        left = any(one.active for one in reviewers.listing(database))
    typer.echo(f"{account.username} is closed")
    if not left:
        assembly.note("no open account is left: `kontakt reviewers add` makes a link for a new one")


@reviewers_app.command("reset")
def reviewers_reset(username: Username) -> None:
    """Give an account a new password, asked for twice here, or one line of standard input. Signs it out everywhere."""
    from review.passwords import Passwords, password_problem
    from storage import reviewers

    with assembly.open_database_of(load_settings()) as database:
        account = _open_account(database, username)
        password = _new_password()
        if problem := password_problem(password, account.username):
            fail(f"nothing is changed: {problem}")
        hashed = Passwords().hash(password)
        reviewers.change_password(database, account.id, hashed, actor=assembly.staff(), at=datetime.now(UTC))
        reviewers.forget_failures(database, account.username)
    typer.echo(f"{account.username} has a new password")


def _open_account(database: "Database", username: str) -> "Reviewer":
    from storage import reviewers

    account = reviewers.find(database, username)
    if account is None:
        fail("no account has that username: `kontakt reviewers list` shows them")
    if not account.active:
        fail(f"{account.username} is closed: `kontakt reviewers add` makes a link for a new account")
    return account


def _new_password() -> str:
    if not sys.stdin.isatty():
        return asked("")
    password = getpass.getpass("new password: ")
    if getpass.getpass("the same again: ") != password:
        fail("nothing is changed: the two were not the same")
    return password
