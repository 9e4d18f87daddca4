"""The questions that got no answer, or one that did not help, for those who write the answers.

What is shown was masked before it was kept: no names, no numbers, nothing of who asked. It is therefore no case, and
no opening is audited. Like everywhere here there is no search in what people have written.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from litestar import get
from litestar.response import Template

from review.desk import Desk, StaffRequest, desk_of
from review.labels import language_name
from review.pages import chosen_filter, page
from storage import missed_questions
from storage.missed_questions import DAYS_KEPT, ListedQuestion, MissedQuestion

MOST_SHOWN: Final = 100
"""Different questions on the page."""
MOST_READ: Final = 2_000
"""Questions looked at, the latest first; a count goes no further back."""


@get("/fragor", sync_to_thread=True)
def show_missed_questions(request: StaffRequest) -> Template:
    """The latest different questions, each once. Unknown filter values fall back to everything."""
    desk = desk_of(request)
    municipality = chosen_filter(request, "kommun", desk.municipality_names)
    reason = chosen_filter(request, "orsak", desk.missed_reasons)
    read = missed_questions.listing(desk.database, desk.clock(), limit=MOST_READ + 1)
    groups = grouped(
        listed
        for listed in read[:MOST_READ]
        if municipality in {None, listed.question.municipality} and reason in {None, listed.question.reason}
    )
    narrowed = bool(municipality or reason)
    return page(
        request,
        "missed_questions.html",
        here="missed",
        rows=[_row(desk, group) for group in groups[:MOST_SHOWN]],
        caption=_caption(min(len(groups), MOST_SHOWN), narrowed),
        there_are_more=len(groups) > MOST_SHOWN or len(read) > MOST_READ,
        narrowed=narrowed,
        municipality=municipality,
        reason=reason,
        municipality_names=desk.municipality_names,
        reasons=desk.missed_reasons,
        reason_labels={reason: texts.label for reason, texts in desk.missed_reasons.items()},
        days_kept=DAYS_KEPT,
    )


def grouped(listed: Iterable[ListedQuestion]) -> list[tuple[ListedQuestion, ...]]:
    """Questions that say the same in the same language together, in the order they came."""
    groups: dict[tuple[str, str], list[ListedQuestion]] = {}
    for one in listed:
        groups.setdefault((one.question.language, _same(one.question.text)), []).append(one)
    return [tuple(group) for group in groups.values()]


def _same(text: str) -> str:
    """What a text has in common with the same question written a little differently."""
    return " ".join(text.casefold().split()).rstrip(" .!?؟")


def _row(desk: Desk, group: Sequence[ListedQuestion]) -> dict[str, Any]:
    """A group in words: the latest of it, and what differs in it, each once."""
    latest = group[0]

    def each(words: Callable[[MissedQuestion], Iterable[str]]) -> list[str]:
        return list(dict.fromkeys(word for listed in group for word in words(listed.question)))

    return {
        "text": latest.question.text,
        "asked_on": latest.asked_on.isoformat(),
        "times": len(group),
        "reasons": each(lambda question: [desk.missed_reasons[question.reason].label]),
        "answered": each(lambda question: [_answer(desk, *pair) for pair in question.topics]),
        "municipalities": each(lambda question: [_municipality(desk, question.municipality)]),
        "language": language_name(latest.question.language),
        "language_code": latest.question.language,
    }


def _answer(desk: Desk, topic: str, service: str) -> str:
    """What was answered: "Vad det kostar · Kontaktgrupp"; the names of today's brochures, else the ids."""
    words = desk.library.vocabulary
    said = desk.library.topic_label(topic, "sv") if topic in words.topics else topic
    about = desk.library.service_label(service, "sv") if service in words.services else service
    return f"{said}\N{NO-BREAK SPACE}· {about}"


def _municipality(desk: Desk, municipality: str | None) -> str:
    return desk.municipality_names.get(municipality, municipality) if municipality else "Inte angiven"


def _caption(number: int, narrowed: bool) -> str:
    if number == 0:
        return "Inga frågor passar filtret." if narrowed else "Inga frågor utan svar just nu."
    counted = "1 fråga" if number == 1 else f"{number} olika frågor"
    order = " Den som ställdes senast står först." if number > 1 else ""
    return f"{counted}{' som passar filtret' if narrowed else ''}.{order}"
