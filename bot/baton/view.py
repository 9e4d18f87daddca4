"""A baton as one guardian sees it: a draft of the same form, with their own name asked for first and without how to
reach the other guardian.

Everything here is computed from the baton, so that two who read it at once see each other's corrections.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.scene import Scene
from forms.form import FALLBACK_LANGUAGE, Question, in_language
from forms.loader import form_from_snapshot
from storage.batons import Baton
from storage.conversations import Draft, make_draft_token
from storage.form_snapshots import Snapshot

NAME = "godkanns_av"
"""The slot of the guardian's own name. It goes with the answer, and not back into the baton."""
GUARDIAN = "vardnadshavare"
CONTACT_TYPES = frozenset({"phone", "email", "postcode"})


def who(baton: Baton, number: int) -> str:
    """How a guardian is written down as the one who gave an answer; two of them are told apart."""
    return f"{GUARDIAN}_{number}" if len(baton.links) > 1 else GUARDIAN


def is_guardian(by: str) -> bool:
    """Whether an answer was given by a guardian."""
    return by == GUARDIAN or by.startswith(f"{GUARDIAN}_")


def number_of(scene: Scene) -> int:
    """Which of the baton's links the open draft came by; 0 for none."""
    token = scene.draft.token if scene.draft else ""
    return next((int(number) for draft, _, number in scene.state.opened if draft == token), 0)


def sent_as(scene: Scene, draft_token: str) -> str:
    """The token that a draft from here is sent in under: the baton's, for what a link had opened."""
    return next((baton for draft, baton, _ in scene.state.opened if draft == draft_token), draft_token)


def baton_of(scene: Scene) -> Baton | None:
    """The baton that the open draft is a view of, as it is now."""
    if scene.draft is None or scene.draft.baton is None or scene.tools.batons is None:
        return None
    return scene.tools.batons.find(scene.draft.baton, scene.turn.received_at)


def opened_draft(scene: Scene, baton: Baton, number: int) -> Draft:
    """A new draft of what this guardian may see."""
    now = scene.turn.received_at
    empty = Draft(make_draft_token(), baton.form_id, baton.form_version, {}, None, now, now, baton=baton.token)
    name = baton.links[number - 1].name
    return renewed(scene, replace(empty, answers={NAME: name} if name else {}), baton, number)


def renewed(scene: Scene, draft: Draft, baton: Baton, number: int) -> Draft:
    """The same draft with the baton's answers as they are now."""
    hidden = hidden_from(baton, number)
    own = {slot: value for slot, value in draft.answers.items() if slot == NAME}
    return replace(
        draft,
        answers=own | {slot: value for slot, value in baton.answers.items() if slot not in hidden},
        given={
            **{slot: given for slot, given in draft.given.items() if slot == NAME},
            **{slot: given for slot, given in baton.given.items() if slot not in hidden},
        },
        form=form_seen(scene, baton, hidden),
    )


def form_seen(scene: Scene, baton: Baton, hidden: frozenset[str] = frozenset()) -> Snapshot:
    """The baton's form without these slots, the guardian's name asked for first.

    What a guardian says of themselves is not about whoever began: those questions are filled by no fact.
    """
    asked = [_not_by_facts(question) for question in baton.form["questions"] if question["slot"] not in hidden]
    return Snapshot({**baton.form, "questions": [_name_question(scene), *asked]})


def hidden_from(baton: Baton, number: int) -> frozenset[str]:
    """The slots that a guardian does not see, as somebody else has answered them: the child's own words, and of two
    guardians how to reach the other one and what is theirs alone.

    An answer of one's own, and one that nobody has given yet, is seen.
    """
    own = who(baton, number)
    return frozenset(
        question.slot
        for question in form_from_snapshot(baton.form).questions
        if (question.childs_voice or (len(baton.links) > 1 and _of_a_guardian(question)))
        and baton.answers.get(question.slot) is not None
        and baton.given.get(question.slot, {}).get("by") != own
    )


def about_writer(question: Question) -> bool:
    """Whether an answer is about the one who fills in, and not about the family: their name, role and telephone."""
    label = in_language(question.label, FALLBACK_LANGUAGE)
    return (question.fact or "").startswith("writer_") or label.startswith(("Din ", "Ditt "))


def _of_a_guardian(question: Question) -> bool:
    fact = question.fact or ""
    contact = question.type in CONTACT_TYPES and not fact.startswith("writer_")
    return question.private or contact or fact == "other_guardian_name"


def _not_by_facts(question: Mapping[str, Any]) -> Mapping[str, Any]:
    about = str(question.get("fact", "")).startswith("writer_")
    return {key: value for key, value in question.items() if key != "fact"} if about else question


def _name_question(scene: Scene) -> dict[str, Any]:
    return {
        "slot": NAME,
        "type": "text",
        "required": True,
        "sensitive": True,
        "fact": "writer_name",
        "label": _in_all(scene, "baton.name"),
        "text": _in_all(scene, "baton.name_question"),
        "hint": _in_all(scene, "baton.name_hint"),
        "why": _in_all(scene, "baton.name_why"),
    }


def _in_all(scene: Scene, key: str) -> Mapping[str, str]:
    return {language: say(key) for language, say in scene.tools.wordings.items()}


def written(by: str, at: datetime) -> dict[str, str]:
    """Who gave an answer and when, as it is kept beside it."""
    return {"by": by, "at": at.astimezone(UTC).isoformat()}
