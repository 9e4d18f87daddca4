"""`kontakt ask` and `kontakt chat`: the bot in a terminal, for people and for scripts."""

import json
import sys
from dataclasses import replace
from typing import Annotated, Any
from uuid import uuid4

import typer

import assembly
from commands.options import AsJson, Municipality, fail, known_municipality
from settings import load_settings


def ask(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            help="Messages, for a quick try: other users of this machine can see them meanwhile."
            " What somebody has really written goes in through standard input, one message a line."
        ),
    ] = None,
    as_json: AsJson = False,
    municipality: Municipality = None,
    language: Annotated[str | None, typer.Option(help="Answer in this language: sv or en.")] = None,
) -> None:
    """Ask each line of standard input as the first message of a new conversation. Nothing is stored."""
    from bot.channels import terminal

    settings = load_settings()
    place = known_municipality(municipality)
    tools = assembly.make_tools(settings)
    if language is not None and language not in tools.wordings:
        fail(f"no language {language!r}: choose one of {', '.join(tools.wordings)}")
    terminal.open_streams()
    with assembly.nlu_client(settings) as nlu:
        tools = replace(tools, understand=nlu.understand)
        for message in text or terminal.lines_of(sys.stdin):
            found = terminal.ask(tools, message, place, language)
            if as_json:
                typer.echo(json.dumps(found, ensure_ascii=False))
            else:
                typer.echo("\n".join((found["reply"], *(f"  • {label}" for label in found["choices"]), "")))


def chat(
    as_json: AsJson = False,
    channel: Annotated[str, typer.Option(help="Behave as on web, telegram or terminal.")] = "terminal",
    sender: Annotated[
        str | None, typer.Option(help="A made-up name for who is talking; the same one goes on where it was.")
    ] = None,
    municipality: Municipality = None,
) -> None:
    """Talk to the bot here. With --json each line in is {"text": …} or {"choice": label or id}."""
    from bot.channels import terminal
    from bot.dialogue import Dialogue
    from bot.turn import Turn

    if channel not in ("web", "telegram", "terminal"):
        fail(f"no channel {channel!r}: choose web, telegram or terminal")
    settings = load_settings()
    place = [known_municipality(municipality)]
    tools = assembly.make_tools(settings)
    who = sender or assembly.os_user()

    def turn(**message: Any) -> Turn:
        """The municipality goes with the first message; opening the chat alone stores nothing on the web."""
        named = place[0] if place else None
        if not message.get("start"):
            place.clear()
        return Turn(channel, f"cli:{who}", uuid4().hex, municipality=named, **message)

    terminal.open_streams()
    with assembly.open_database_of(settings) as database, assembly.nlu_client(settings) as nlu:
        tools = replace(assembly.with_memory(tools, database), understand=nlu.understand)
        respond = Dialogue(tools, database).respond
        lines = terminal.lines_of(sys.stdin)
        if as_json:
            unreadable = {name: say("out.unreadable_line") for name, say in tools.wordings.items()}
            terminal.chat_json(respond, lines, typer.echo, turn, unreadable)
        else:
            terminal.chat(respond, lines, typer.echo, turn)
