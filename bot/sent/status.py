"""How it goes with what was sent in: by reference and code on any channel, without the code where it was sent from.

What residents are told is little: that it came in and when, that something is asked for, that it is withdrawn.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from bot import choices, menus
from bot.scene import STOCKHOLM, Outcome, Scene
from bot.sent.remembered import Sent, with_sent
from bot.turn import Account, Choice
from forms.form import in_language
from storage.additions import can_be_withdrawn
from storage.status_codes import Locked, Status, WrongCode
from storage.submissions import read_reference

STATUS = "status"
"""The command, and what is waited for after it; with a colon and a reference while its code is waited for."""
TOLD = {"in_review": "received", "queued": "received", "handed_over": "received"}
"""Statuses that are the municipality's own business -> what the resident is told instead."""
_MOST_WORDS = 6
_CODE = re.compile(r"(?<!\d)(\d{3}[ -]?\d{3})(?!\d)", re.ASCII)


@dataclass(frozen=True)
class Found:
    """What stands in a text: a reference, a code."""

    reference: str | None
    code: str | None


def read(text: str) -> Found:
    """The reference and the code in a text; a reference has a digit, or stands alone or beside a code."""
    code = _CODE.search(text)
    rest = text.replace(code[0], " ") if code else text
    words = [word.strip(".,:;!?”\"'") for word in rest.split()]
    alone = read_reference(rest) if len(rest) <= 12 else None
    named = (read_reference(word) for word in words if code or any(sign.isdigit() for sign in word))
    return Found(alone or next((found for found in named if found), None), code[1] if code else None)


def asked(scene: Scene, detail: str) -> Outcome:
    """The command: with what the message says of reference and code, or asking for them."""
    found = read(detail)
    if found.reference:
        return of(scene, found.reference, found.code)
    if not scene.state.sent:
        return wanted(scene)
    lines = "\n".join(f"• {line(scene, one)}" for one in scene.state.sent[-_MOST_WORDS:])
    text = "\n\n".join((lines, scene.say("status.ask_other")))
    return menus.offer(scene.remember(pending=STATUS), text, _ways(scene), _account())


def wanted(scene: Scene, problem: str | None = None) -> Outcome:
    """Ask for reference and code, after saying what was wrong with the last ones."""
    text = "\n\n".join(part for part in (problem, scene.say("status.ask")) if part)
    return menus.offer(scene.remember(pending=STATUS), text, _ways(scene), _account())


def of(scene: Scene, reference: str, code: str | None) -> Outcome:
    """What is told of this reference: at once when it was sent from here, else to whoever has its code."""
    own = next((one for one in scene.state.sent if one.reference == reference), None)
    if own is not None:
        return menus.offer(scene, line(scene, own), _next(scene, own), _account())
    if code is None:
        waiting = scene.remember(pending=f"{STATUS}:{reference}")
        return menus.offer(waiting, scene.say("status.ask_code", reference=reference), _ways(scene), _account())
    return _checked(scene, reference, code)


def _checked(scene: Scene, reference: str, code: str) -> Outcome:
    say = scene.say
    told = scene.tools.status_of(reference, code, at=scene.turn.received_at)
    if told is None:
        return wanted(scene, say("status.not_reference"))
    if isinstance(told, Locked):
        clock = told.until.astimezone(STOCKHOLM).strftime("%H.%M")
        return menus.offer(scene.remember(pending=None), say("status.locked", time=clock), _ways(scene), _account())
    if isinstance(told, WrongCode):
        text = say("status.wrong_code_last") if told.tries_left == 1 else say("status.wrong_code", left=told.tries_left)
        return menus.offer(scene.remember(pending=f"{STATUS}:{reference}"), text, _ways(scene), _account())
    day = told.received_at.astimezone(STOCKHOLM).date().isoformat()
    one = Sent(told.reference, told.form_id, day)
    known = scene.remember(sent=with_sent(scene.state.sent, one), pending=None)
    return menus.offer(known, _line(scene, told), _next(known, one, told.status), _account())


def answer(scene: Scene, awaited: str, text: str) -> Outcome | None:
    """What was waited for: a reference, or the code of one; None when the text is neither."""
    found = read(text)
    _, _, reference = awaited.partition(":")
    if found.reference:
        return of(scene, found.reference, found.code)
    if len(text.split()) > _MOST_WORDS:
        return None
    digits = sum(sign.isdigit() for sign in text)
    if reference:
        if found.code:
            return _checked(scene, reference, found.code)
        problem = scene.say("status.not_code", reference=reference)
        again = scene.remember(pending=awaited)
        return menus.offer(again, problem, _ways(scene), _account()) if digits else None
    looks = len(text.split()) == 1 and 6 <= len(text) <= 10
    return wanted(scene, scene.say("status.not_reference")) if looks or digits >= 6 else None


def unasked(scene: Scene, text: str) -> Outcome | None:
    """What is told when a text that nobody asked for is nothing but a reference, with its code or not."""
    found = read(text)
    words = text.split()
    signs = found.reference or ""
    no_word = found.code or any(sign.isdigit() for sign in signs) or text.strip() == signs
    if not signs or signs.isdigit() or not no_word:
        return None
    only = len(words) == 1 or (found.code is not None and len(words) <= 3)
    return of(scene, signs, found.code) if only else None


def line(scene: Scene, one: Sent) -> str:
    """One line about something that was sent in from here."""
    found = scene.tools.own_status(one.reference)
    if found is None:
        return scene.say("status.gone", reference=one.reference, date=one.day)
    form_id, status, received_at = found
    return _line(scene, Status(one.reference, form_id, status, received_at, 0))


def status_now(scene: Scene, one: Sent) -> str | None:
    """The status as it is stored, or None for what is gone."""
    found = scene.tools.own_status(one.reference)
    return found[1] if found else None


def title(scene: Scene, form_id: str) -> str:
    """What the form is called; on a channel that does not take the form, nothing that says what it is about."""
    form = scene.tools.forms.get(form_id)
    if form_id not in menus.forms_here(scene):
        return scene.say("status.something")
    return in_language(form.title, scene.language) if form else form_id


def _line(scene: Scene, told: Status) -> str:
    return scene.say(
        "status.found",
        form=title(scene, told.form_id),
        reference=told.reference,
        date=_day(told.received_at),
        status=scene.say(f"status.labels.{TOLD.get(told.status, told.status)}"),
    )


def _next(scene: Scene, one: Sent, status: str | None = None) -> tuple[Choice, ...]:
    """What can be done about something that was sent in."""
    return (*choices_about(scene, one, status or status_now(scene, one)), *menus.start_choices(scene))


def choices_about(scene: Scene, one: Sent, status: str | None, numbered: str = "") -> tuple[Choice, ...]:
    """Buttons to answer what staff ask, and to withdraw; `numbered` is put after the label where there are several."""
    say = scene.say
    buttons = []
    if status == "waiting_for_completion":
        buttons.append(choices.command("complete", say("complete.button") + numbered, one.reference))
    if status is not None and can_be_withdrawn(status):
        buttons.append(choices.command("withdraw", say("withdraw.button") + numbered, one.reference))
    return tuple(buttons)


def _ways(scene: Scene) -> tuple[Choice, ...]:
    return (choices.command("human", scene.say("menu.human")),)


def _day(at: datetime) -> str:
    return at.astimezone(STOCKHOLM).date().isoformat()


def _account() -> Account:
    return Account("control", command=STATUS)
