"""The one-time link that makes an account: `/valkommen/<token>`, printed by the command line.

The link is checked when the page is shown and used up only when the account is made, both by
`storage.reviewers`.
"""

from typing import Any

from litestar import get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Redirect, Response, Template

from review.access import visit_cookie
from review.desk import StaffRequest, desk_of
from review.form_data import fields_of
from review.pages import page
from review.passwords import password_problem
from storage import reviewers

LONGEST_NAME = 80


@get("/valkommen/{token:str}", opt={"open": True}, sync_to_thread=True)
def show_invitation(request: StaffRequest, token: FromPath[str]) -> Template:
    """The form for a new account. Raises HTTPException 410 when the link is used, old or unknown."""
    desk = desk_of(request)
    if not reviewers.invitation_is_open(desk.database, token, desk.clock()):
        raise HTTPException(status_code=410, detail="invitation")
    return _page(request, token, {}, name="", username="")


@post("/valkommen/{token:str}", opt={"open": True}, sync_to_thread=True)
def accept_invitation(request: StaffRequest, token: FromPath[str]) -> Response[Any]:
    """Make the account and use up the link; with something to correct (400) the link stays open."""
    desk = desk_of(request)
    name, username, password, again = fields_of(request, "name", "username", "password", "password_again")
    name, username = " ".join(name.split()), username.strip().lower()
    if not reviewers.invitation_is_open(desk.database, token, desk.clock()):
        raise HTTPException(status_code=410, detail="invitation")
    problems = account_problems(name, username, password, again)
    if not problems:
        try:
            reviewers.accept_invitation(
                desk.database, token, username, name, desk.passwords.hash(password), at=desk.clock()
            )
        except reviewers.UsernameTakenError:
            problems["username"] = "Användarnamnet är upptaget. Välj ett annat."
        except reviewers.InvitationError:
            raise HTTPException(status_code=410, detail="invitation") from None
    if problems:
        return _page(request, token, problems, name=name, username=username)
    return Redirect("/logga-in?hur=konto", status_code=303)


def account_problems(name: str, username: str, password: str, again: str) -> dict[str, str]:
    """Field -> what to correct, in the order of the form; empty when all is well."""
    problems: dict[str, str] = {}
    if not name or len(name) > LONGEST_NAME:
        problems["name"] = f"Skriv ditt namn, högst {LONGEST_NAME} tecken."
    if reviewers.read_username(username) is None:
        problems["username"] = "Välj ett användarnamn med 2–64 tecken: a–z, siffror och . _ @ -"
    if problem := password_problem(password, username):
        problems["password"] = problem
    elif password != again:
        problems |= {"password_again": "Lösenorden är inte lika. Skriv samma lösenord två gånger."}
    return problems


def _page(request: StaffRequest, token: str, problems: dict[str, str], *, name: str, username: str) -> Template:
    return page(
        request,
        "welcome.html",
        status=400 if problems else 200,
        cookies=visit_cookie(request, desk_of(request)),
        token=token,
        problems=problems,
        name=name,
        username=username,
    )
