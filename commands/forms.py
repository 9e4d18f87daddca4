"""`kontakt forms`: are the form definitions in order, and how does one of them play?"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

import assembly
from commands.options import fail
from settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.scene import Outcome, Tools
    from bot.turn import Response, Turn
    from forms.form import Form
    from nlu.client import Understanding

forms_app = typer.Typer(help="The form definitions: check them, try one out.", no_args_is_help=True)

Directory = Annotated[
    Path | None, typer.Argument(help="Where the definitions are; without it, those that Kontakt uses.")
]


@forms_app.command()
def check(directory: Directory = None) -> None:
    """Name file, question and reason for every mistake; exit code 1 when there is one."""
    from bot.wording import load_wordings
    from forms.loader import load_forms, mistakes_in
    from installation import FORMS

    place = directory or FORMS
    mistakes = mistakes_in(place)
    for mistake in mistakes:
        typer.echo(str(mistake))
    if mistakes:
        fail(f"{len(mistakes)} {'mistake' if len(mistakes) == 1 else 'mistakes'} in {place}")
    for form in load_forms(place).values():
        typer.echo(f"{form.id} version {form.version}: {len(form.questions)} questions, no mistakes")
        for language, wording in load_wordings().items():
            if not wording.has(f"menu.start_{form.id}"):
                assembly.note(f"bot/wording/{language}.yml has no menu.start_{form.id}: no button can start the form")


@forms_app.command()
def preview(
    form_id: Annotated[str, typer.Argument(help="The form's id.")],
    directory: Directory = None,
    language: Annotated[str, typer.Option(help="Speak this language: sv or en.")] = "sv",
) -> None:
    """Play a form in the terminal; a number taps a button. Lines may come from a file. Nothing is stored or sent."""
    from bot.channels import terminal
    from forms.loader import load_forms
    from installation import FORMS

    forms = load_forms(directory or FORMS)
    if form_id not in forms:
        fail(f"no form {form_id!r}: choose one of {', '.join(forms)}")
    tools = replace(assembly.make_tools(load_settings()), forms=forms, understand=_away)
    if language not in tools.wordings:
        fail(f"no language {language!r}: choose one of {', '.join(tools.wordings)}")
    terminal.open_streams()
    played = _Preview(tools, forms[form_id], language)
    terminal.chat(played.respond, played.while_open(terminal.lines_of(sys.stdin)), typer.echo, played.turn)
    typer.echo("\n" + played.ending())


def _away(text: str) -> "Understanding":
    """A preview needs no NLU process: a form can be filled in without it."""
    from nlu.client import NluUnavailableError

    raise NluUnavailableError("not used in a preview")


class _Preview:
    """One conversation with a form open in it, kept in memory alone."""

    def __init__(self, tools: "Tools", form: "Form", language: str) -> None:
        self.tools, self.form, self.language = tools, form, language
        self.done: Outcome | None = None

    def turn(self, **message: str | bool) -> "Turn":
        """A message in this conversation."""
        from bot.turn import Turn

        return Turn("terminal", "preview", uuid4().hex, **message)  # type: ignore[arg-type]

    def respond(self, turn: "Turn") -> "Response":
        """The next turn; the first one opens the form, whatever municipality takes it."""
        from bot.dialogue import decide
        from bot.form.asking import response_of
        from bot.form.opening import begin
        from bot.scene import Scene, State
        from bot.turn import Account, Reply
        from forms.form import in_language

        if self.done is None:
            place = next(place.id for place in self.tools.library.municipalities)
            state = State(language=self.language, language_chosen=True, municipality=place, greeted=True)
            texts = (self.form.title, self.form.purpose, self.form.information)
            told = Reply("\n\n".join(in_language(text, self.language) for text in texts))
            self.done = begin(Scene(turn, state, None, self.tools), self.form, {}, {}, (told,), Account("form"))
        else:
            self.done = decide(Scene(turn, self.done.state, self.done.draft, self.tools))
        return response_of(self.tools, turn, self.done)

    def while_open(self, lines: "Iterator[str]") -> "Iterator[str]":
        """The lines until the form is sent in or given up."""
        for line in lines:
            yield line
            if self.done is None or self.done.draft is None:
                return

    def ending(self) -> str:
        """What came of it, for whoever tries the form out."""
        from forms.form import in_language

        if self.done is None or self.done.submission is None:
            return "preview: the form was not sent in; nothing is stored"
        labels = (
            in_language(self.form.flag_labels[f], self.language)
            for f in self.done.submission.flags
            if f in self.form.flag_labels
        )
        return f"preview: nothing is stored or sent; flags for staff: {', '.join(labels) or 'none'}"
