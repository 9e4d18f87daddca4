"""Distress and danger, looked for before anything else in a message.

Two means that do not depend on each other: a reviewed phrase list per language, which works when the NLU process is
down, and the NLU's danger intents. The reply says 112 first, fits the kind of danger, and never takes a report.
"""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from bot import choices
from bot.phrases import PhraseList, grams_of, phrase_list
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
_ALIKE = str.maketrans("åäöáéíóúüñąęłśćńżźأإآىیکة’", "aaoaeiouunaelscnzzاااييكه'")
"""Letters that many leave out or write differently."""


@dataclass(frozen=True)
class DangerPhrases:
    """The phrase list, compiled: kind -> phrases, what is harmless though it looks alike, who works with children."""

    kinds: Mapping[str, PhraseList]
    harmless: PhraseList
    at_work: PhraseList

    def kind_of(self, text: str) -> str | None:
        """The kind of danger a text speaks of, or None."""
        folded = _folded(text)
        grams = grams_of(folded)
        safe: list[tuple[int, int]] | None = None
        for kind, phrases in self.kinds.items():
            for begin, finish in phrases.spans(folded, grams):
                # Few messages sound dangerous; only those are searched for what makes them harmless.
                safe = list(self.harmless.spans(folded, grams)) if safe is None else safe
                if not any(start <= begin and finish <= end for start, end in safe):
                    return kind
        return None

    def is_from_work(self, text: str) -> bool:
        """Whether somebody writes who meets children in their work ("jag är lärare", "en elev på min skola")."""
        return _stands_in(self.at_work, text)

    def looks_harmless(self, text: str) -> bool:
        """Whether a text has a turn of phrase that sounds dangerous and is not ("hon slog mig i fia")."""
        return _stands_in(self.harmless, text)


@cache
def load_phrases(path: Path = PHRASES) -> DangerPhrases:
    """The list in `path`, all languages together: danger is danger whatever the conversation's language is."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    kinds = {kind: _compiled(data["kinds"][kind]) for kind in KINDS}
    return DangerPhrases(kinds, _compiled(data["harmless"]), _compiled(data["at_work"]))


def _stands_in(phrases: PhraseList, text: str) -> bool:
    folded = _folded(text)
    return next(phrases.spans(folded, grams_of(folded)), None) is not None


def _compiled(by_language: Mapping[str, list[str]]) -> PhraseList:
    return phrase_list(_bounded(entry) for entries in by_language.values() for entry in entries)


def _bounded(entry: str) -> str:
    entry = _alike(unicodedata.normalize("NFC", entry.lower()))
    before = r"\b" if entry[0].isalnum() else r"(?<!\w)" if entry[0] == "(" else ""
    after = r"\b" if entry[-1].isalnum() and entry[-2:-1] != "\\" else ""
    return f"{before}(?:{entry}){after}"


def _folded(text: str) -> str:
    """A text as the phrases are compared with it: lower case, plain letters, single spaces."""
    return " ".join(_alike(unicodedata.normalize("NFC", text).lower()).split())


def _alike(text: str) -> str:
    return text.translate(_ALIKE)


def crisis(scene: Scene, kind: str, confidence: float = 1.0, text: str = "") -> Outcome:
    """The reply to danger of `kind`: what to do now, whom to call, and that nothing is reported by this chat.

    Somebody whose `text` tells that they work with children also reads of their duty to report.
    """
    say = scene.say
    calm = kind == "orosanmalan"
    first, own = say("crisis.first"), say(f"crisis.{kind}")
    parts = [own, first] if calm else [first, own]
    if calm or load_phrases().is_from_work(text):
        parts.insert(parts.index(own) + 1, say("crisis.duty"))
    parts.append("\n".join((say("crisis.social_services"), *contact_lines(scene, urgent=True))))
    lines = [f"• {line}" for line in help_lines(scene, LINES.get(kind, ()))]
    if lines:
        parts.append("\n".join((say("crisis.lines"), *lines)))
    parts.append(say("crisis.not_a_report") if calm else say("crisis.machine"))
    buttons: tuple[Choice, ...] = (choices.command("human", say("menu.human")),)
    reply = Reply("\n\n".join(parts), buttons, tone="normal" if calm else "urgent")
    return outcome(scene.remember(offered=buttons), reply, account=Account("crisis", confidence=confidence))


def and_answer(crisis: Outcome, answer: Outcome) -> Outcome:
    """The emergency reply first, then the answer to what a story asks as well; only the emergency reply without one."""
    if answer.account.kind != "answer":
        return crisis
    told = tuple(replace(reply, choices=()) for reply in crisis.replies)
    return replace(answer, replies=(*told, *answer.replies), account=crisis.account)


def help_lines(scene: Scene, ids: Collection[str]) -> list[str]:
    """The lines of these ids as they are shown: name, number, when they answer."""
    return [
        f"{line.name[scene.language]}: {line.number}. {line.when[scene.language]}"
        for line in scene.tools.library.emergency(scene.state.municipality)
        if line.id in ids
    ]


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
