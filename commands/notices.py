"""`kontakt notices`: the e-mail that tells staff what is new, tried out."""

import typer

from commands.options import fail
from settings import load_settings

notices_app = typer.Typer(help="The e-mail that tells staff that something new has come in.", no_args_is_help=True)


@notices_app.callback()
def _group() -> None:
    """Makes `test` a command of its own, though it is the only one."""


@notices_app.command()
def test() -> None:
    """Send a trial to everybody who would be told. Exit code 1 when it was not taken for all of them."""
    import mailing

    refused = mailing.send_trial(load_settings())
    if refused:
        fail(f"the mail server takes no mail for {', '.join(refused)}")
    typer.echo("sent: see whether it arrives")
