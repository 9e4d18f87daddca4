"""Distress and danger, looked for before anything else in a message.

Two means that do not depend on each other: a reviewed phrase list per language, which works when the NLU process is
down, and the NLU's danger intents. The reply says 112 first, fits the kind of danger, and never takes a report.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from bot import choices
from bot.scene import Outcome, Scene, outcome
from bot.turn import Account, Choice, Reply

PHRASES = Path(__file__).parent / "danger_phrases.yml"
KINDS = ("violence", "self_harm", "child", "substance_home")
INTENTS = {f"danger_{kind}": kind for kind in KINDS} | {"ask_orosanmalan": "orosanmalan"}
"""NLU intent -> kind of danger; an orosanmälan is answered calmly, the others with urgency."""
LINES = {
    "self_harm": ("sjalvmordslinjen", "bris"),
    "violence": ("kvinnofridslinjen", "bris"),
    "child": ("bris",),
    "substance_home": ("bris",),
}
"""Kind of danger -> the lines that fit it; few, so that they are read."""


@dataclass(frozen=True)
class DangerPhrases:
    """The phrase list, compiled: kind -> patterns, and what is harmless though it looks alike."""

    kinds: Mapping[str, re.Pattern[str]]
    harmless: re.Pattern[str]

    def kind_of(self, text: str) -> str | None:
        """The kind of danger a text speaks of, or None."""
        for form in _spellings(text):
            found = [(kind, match.span()) for kind, pattern in self.kinds.items() for match in pattern.finditer(form)]
            # Few messages sound dangerous; only those are searched for what makes them harmless.
            safe = [match.span() for match in self.harmless.finditer(form)] if found else []
            for kind, (begin, finish) in found:
                if not any(start <= begin and finish <= end for start, end in safe):
                    return kind
        return None

    def looks_harmless(self, text: str) -> bool:
        """Whether a text has a turn of phrase that sounds dangerous and is not ("hon slog mig i fia")."""
        return any(self.harmless.search(form) for form in _spellings(text))


@cache
def load_phrases(path: Path = PHRASES) -> DangerPhrases:
    """The list in `path`, all languages together: danger is danger whatever the conversation's language is."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    kinds = {kind: _compiled(data["kinds"][kind]) for kind in KINDS}
    return DangerPhrases(kinds, _compiled(data["harmless"]))


def _compiled(by_language: Mapping[str, list[str]]) -> re.Pattern[str]:
    entries = [_bounded(entry) for entries in by_language.values() for entry in entries]
    return re.compile("|".join(dict.fromkeys(form for entry in entries for form in (entry, _folded(entry)))))


def _bounded(entry: str) -> str:
    entry = unicodedata.normalize("NFC", entry.lower())
    before = r"\b" if entry[0].isalnum() else r"(?<!\w)" if entry[0] == "(" else ""
    after = r"\b" if entry[-1].isalnum() and entry[-2:-1] != "\\" else ""
    return f"{before}(?:{entry}){after}"


def _folded(text: str) -> str:
    return text.translate(str.maketrans("åäö", "aao"))


def _spellings(text: str) -> tuple[str, ...]:
    lowered = " ".join(unicodedata.normalize("NFC", text).lower().replace("’", "'").split())
    return tuple(dict.fromkeys((lowered, _folded(lowered))))


def crisis(scene: Scene, kind: str, confidence: float = 1.0) -> Outcome:
    """The reply to danger of `kind`: what to do now, whom to call, and that nothing is reported by this chat."""
    say = scene.say
    calm = kind == "orosanmalan"
    first, own = say("crisis.first"), say(f"crisis.{kind}")
    parts = [own, first] if calm else [first, own]
    parts.append("\n".join((say("crisis.social_services"), *contact_lines(scene, urgent=True))))
    lines = [
        f"• {line.name[scene.language]}: {line.number}. {line.when[scene.language]}"
        for line in scene.tools.library.emergency(scene.state.municipality)
        if line.id in LINES.get(kind, ())
    ]
    if lines:
        parts.append("\n".join((say("crisis.lines"), *lines)))
    parts.append(say("crisis.not_a_report") if calm else say("crisis.machine"))
    buttons: tuple[Choice, ...] = (choices.command("human", say("menu.human")),)
    reply = Reply("\n\n".join(parts), buttons, tone="normal" if calm else "urgent")
    return outcome(scene.remember(offered=buttons), reply, account=Account("crisis", confidence=confidence))


def contact_lines(scene: Scene, urgent: bool = False) -> list[str]:
    """How to reach the resident's municipality, with the date of the facts. When it is urgent: by telephone only."""
    say, place = scene.say, scene.municipality
    if place is None or place.id == "annan":
        return [] if urgent else [say("human.other")]
    lines = []
    if place.phone:
        own = place.contact_names[scene.language] if place.contact_names else place.names[scene.language]
        name = say("crisis.switchboard") if urgent else own
        lines.append(say("human.phone", name=name, phone=place.phone))
        if place.dated:
            lines.append(say("human.dated", date=place.dated))
    else:
        lines.append(say("human.none", municipality=place.names[scene.language]))
    if place.email and not urgent:
        lines.append(say("human.email", email=place.email))
    if place.website:
        lines.append(say("human.website", website=place.website))
    return lines
