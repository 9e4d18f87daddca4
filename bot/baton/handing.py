"""Handing a form over to one or two guardians: each gets a link and, apart from it, a code.

The draft becomes the baton and is open here no more. What the guardians do with it is in `baton.reading`; how it goes,
as the one who handed it over may see it, in `baton.states`.
"""

from datetime import UTC, datetime, timedelta

from bot import choices, menus
from bot.baton import asking as baton_asking
from bot.form.asking import ask, journey_of
from bot.scene import STOCKHOLM, Outcome, Scene, outcome
from bot.turn import Account, Choice, Reply
from forms.form import in_language
from forms.loader import form_to_snapshot
from storage.batons import NewBaton, NewLink, make_link

SHEET_KEPT = timedelta(days=1)
"""How long a new link and its code can be printed; after that they are known to nobody but those who have them."""


def hand_over(scene: Scene, detail: str) -> Outcome:
    """Ask how many guardians there are, or (`1`, `2`) make the links."""
    if scene.draft is None or scene.form is None or scene.tools.batons is None or not baton_asking.at_work(scene):
        return ask(scene).before(Reply(scene.say("out.unknown_choice")))
    if not journey_of(scene).is_complete or scene.municipality is None:
        return ask(scene).before(Reply(scene.say("form.not_complete")))
    if detail in ("1", "2"):
        return _handed_over(scene, int(detail))
    say, token = scene.say, scene.draft.token
    title, days = in_language(scene.form.title, scene.language), scene.tools.batons.days
    buttons = (
        choices.action(token, "hand_over", say("baton.one"), "1"),
        choices.action(token, "hand_over", say("baton.two"), "2"),
        choices.action(token, "resume", say("baton.not_now")),
    )
    account = Account("form", form_id=scene.draft.form_id)
    return menus.offer(scene, say("baton.how_many", form=title, days=days), buttons, account)


def _handed_over(scene: Scene, guardians: int) -> Outcome:
    draft, form, tools = scene.draft, scene.form, scene.tools.batons
    assert draft is not None and form is not None and tools is not None and scene.municipality is not None
    say, now = scene.say, scene.turn.received_at
    called = [say("baton.called", number=number) for number in (1, 2)] if guardians == 2 else [say("baton.called_one")]
    links = tuple(make_link(name) for name in called)
    answers = journey_of(scene).relevant_answers
    baton = NewBaton(
        token=draft.token,
        form_id=form.id,
        form_version=form.version,
        form=draft.form or form_to_snapshot(form),
        answers=answers,
        given={slot: given for slot, given in draft.given.items() if slot in answers},
        municipality=scene.municipality.id,
        language=scene.language,
        channel=scene.turn.channel,
        links=links,
        expires_at=last_moment(now, tools.days),
    )
    ended = scene.with_draft(None).remember(
        selecting=None, service=None, topic=None, batons=(*scene.state.batons, baton.token)
    )
    ended = _with_sheets(ended, baton.token, dict(enumerate(links, 1)))
    title, until = in_language(form.title, scene.language), baton_asking.day(baton.expires_at)
    made = say("baton.made", name=name_of(baton.token), form=title, date=until)
    after = Reply(say("baton.after"), menus.start_choices(ended))
    said = (*link_replies(ended, made, baton.token, links), after)
    ended = ended.remember(offered=after.choices)
    return outcome(ended, *said, account=Account("form", form_id=form.id), effects=(baton,))


def last_moment(now: datetime, days: int) -> datetime:
    """Until when a link made now works: to the end of the day, in Sweden, so many days from now."""
    last = now.astimezone(STOCKHOLM) + timedelta(days=days)
    return last.replace(hour=23, minute=59, second=59, microsecond=0).astimezone(UTC)


def name_of(baton: str) -> str:
    """What a handover is called to the one who made it: the first part of its token, which says nothing of anybody."""
    return baton[:4]


def link_replies(scene: Scene, made: str, baton: str, links: tuple[NewLink, ...]) -> tuple[Reply, Reply]:
    """What was made, with the links and where to print them; and, apart from it, the codes."""
    say, tools = scene.say, scene.tools.batons
    assert tools is not None
    lines = [say("baton.link", called=link.called, link=link_address(tools.address, link.token)) for link in links]
    printed = say("baton.print", address=f"{tools.address}/overlamning/blad/{baton}")
    codes = [say("baton.code", called=link.called, code=spaced(link.code)) for link in links]
    return Reply("\n\n".join((made, *lines, printed))), Reply("\n\n".join((*codes, say("baton.codes"))))


def link_address(address: str, token: str) -> str:
    """Where a guardian opens the link."""
    return f"{address}/overlamning/{token}"


def spaced(code: str) -> str:
    """A code as it is told: "123 456"."""
    return f"{code[:3]} {code[3:]}"


def again(
    scene: Scene, baton: str, number: int, link: NewLink, buttons: tuple[Choice, ...]
) -> tuple[Scene, Reply, Reply]:
    """A new link in the place of one that was lost or is locked: the scene that remembers it, and what to say."""
    scene = _with_sheets(scene, baton, {number: link})
    first, second = link_replies(scene, scene.say("baton.replaced", called=link.called), baton, (link,))
    return scene.remember(offered=buttons), first, Reply(second.text, buttons)


def _with_sheets(scene: Scene, baton: str, links: dict[int, NewLink]) -> Scene:
    """The scene with these links to print, and without those of yesterday."""
    now = scene.turn.received_at
    new = tuple(
        (baton, str(number), link.called, link.token, link.code, now.isoformat()) for number, link in links.items()
    )
    replaced = {row[:2] for row in new}
    kept = tuple(row for row in fresh_sheets(scene.state.sheets, now) if row[:2] not in replaced)
    return scene.remember(sheets=(*kept, *new))


def fresh_sheets(sheets: tuple[tuple[str, ...], ...], now: datetime) -> tuple[tuple[str, ...], ...]:
    """Those that may still be printed."""
    return tuple(row for row in sheets if now - datetime.fromisoformat(row[5]) < SHEET_KEPT)
