"""The ids behind buttons: made here, read here, and never longer than Telegram allows.

    c:<command>[:<detail>]            a command, as `c:human` or `c:language:sv`
    t:<topic>:<service>               a brochure question
    s:<service>[:more]                the questions about a service
    m:<municipality>                  the resident's municipality
    f:<form>[:<slot>=<value>]         start a form, with what is known already
    a:<draft>:<slot>:<value>          an answer; `+value` ticks one of several, `*` is done with ticking
    d:<draft>:<action>[:<detail>]     something else about an open form: skip, back, why, change, submit …
                                      (`submit:<mark>` is the button of the summary with that `form_shown.mark`)
    b:<action>:<baton>:<number>       something about what was handed over: `link` makes a new link

Answers and form actions carry the draft's token: a button of another form, or of another conversation, does nothing.
"""

from dataclasses import dataclass

from bot.turn import CHOICE_ID_BYTES, Choice

KINDS = frozenset("ctsmfadb")


@dataclass(frozen=True)
class Tap:
    """A choice id taken apart: its kind and its fields."""

    kind: str
    fields: tuple[str, ...]

    def field(self, index: int) -> str:
        """The field at `index`, or an empty string."""
        return self.fields[index] if index < len(self.fields) else ""


def read_tap(choice_id: str) -> Tap | None:
    """The parts of a choice id; None for anything that is not one of ours."""
    kind, *fields = choice_id.split(":", 3)
    if (
        kind not in KINDS
        or not fields
        or not all(fields)
        or len(choice_id.encode("utf-8", "replace")) > CHOICE_ID_BYTES
    ):
        return None
    return Tap(kind, tuple(fields))


def command(name: str, label: str, detail: str = "") -> Choice:
    """A button for a command."""
    return Choice(f"c:{name}:{detail}" if detail else f"c:{name}", label)


def topic(topic_id: str, service: str, label: str) -> Choice:
    """A button for a brochure question."""
    return Choice(f"t:{topic_id}:{service}", label)


def service(service_id: str, label: str, everything: bool = False) -> Choice:
    """A button for the questions about a service; with `everything` for those that had no room at first."""
    return Choice(f"s:{service_id}:more" if everything else f"s:{service_id}", label)


def municipality(municipality_id: str, label: str) -> Choice:
    """A button for a municipality."""
    return Choice(f"m:{municipality_id}", label)


def form(form_id: str, label: str, prefilled: str = "") -> Choice:
    """A button that starts a form; `prefilled` is "slot=value" or nothing."""
    return Choice(f"f:{form_id}:{prefilled}" if prefilled else f"f:{form_id}", label)


def answer(token: str, slot: str, value: str, label: str) -> Choice:
    """A button that answers a question of the draft with this token."""
    return Choice(f"a:{token}:{slot}:{value}", label)


def action(token: str, name: str, label: str, detail: str = "") -> Choice:
    """A button for something else about the draft with this token."""
    return Choice(f"d:{token}:{name}:{detail}" if detail else f"d:{token}:{name}", label)


def baton(name: str, label: str, token: str, number: str) -> Choice:
    """A button about one guardian's link to what was handed over."""
    return Choice(f"b:{name}:{token}:{number}", label)


def match_label(text: str, offered: tuple[Choice, ...]) -> Choice | None:
    """The offered button whose label was typed, letter case and outer punctuation aside."""
    wanted = _folded(text)
    return next((choice for choice in offered if wanted and _folded(choice.label) == wanted), None)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .!?✓\"”'")
