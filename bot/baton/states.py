"""How it goes with what was handed over, for the one who did it: states and days, never a decision nor the queue.

A guardian's reason is told only when they chose to: before anything was sent, when nobody else reads it.
"""

from bot import choices, menus
from bot.baton import asking as baton_asking
from bot.baton import handing as baton_handing
from bot.scene import Outcome, Scene, outcome
from bot.turn import Account, Choice
from forms.form import in_language
from forms.loader import form_from_snapshot
from storage.batons import Baton, Link, LinkReplaced, make_link

OPEN = ("waiting", "opened")


def handed_over(scene: Scene) -> tuple[list[str], tuple[Choice, ...]]:
    """What "mina" says of batons from here, a text for each; and a button for every link that can be renewed."""
    texts, buttons = [], list[Choice]()
    for baton in _batons(scene):
        form = in_language(form_from_snapshot(baton.form).title, scene.language)
        name, made = baton_handing.name_of(baton.token), baton_asking.day(baton.made_at)
        lines = [scene.say("baton.mine", name=name, form=form, date=made)]
        lines += [f"• {_state(scene, baton, link)}" for link in baton.links]
        if baton.received_at:
            lines.append(scene.say("baton.received", date=baton_asking.day(baton.received_at)))
        texts.append("\n".join(lines))
        buttons += [_renewal(scene, baton, link) for link in baton.links if link.state in OPEN]
    return texts, tuple(buttons)


def _batons(scene: Scene) -> list[Baton]:
    tools = scene.tools.batons
    if tools is None:
        return []
    found = (tools.find(token, scene.turn.received_at) for token in scene.state.batons)
    return [baton for baton in found if baton is not None]


def _state(scene: Scene, baton: Baton, link: Link) -> str:
    say, until = scene.say, baton_asking.day(baton.expires_at)
    if link.state in OPEN and link.locked:
        return say("baton.state.locked", called=link.called)
    if link.state in OPEN and link.reminded_at:
        return say("baton.state.remind", called=link.called)
    if link.state == "declined" and link.reason and not _sent_before(baton, link):
        date = baton_asking.day(link.answered_at)
        return say("baton.state.reason", called=link.called, date=date, reason=link.reason)
    if link.state == "waiting":
        return say("baton.state.waiting", called=link.called, until=until)
    if link.state == "expired":
        return say("baton.state.expired", called=link.called)
    date = baton_asking.day(link.opened_at if link.state == "opened" else link.answered_at)
    return say(f"baton.state.{link.state}", called=link.called, date=date)


def _sent_before(baton: Baton, link: Link) -> bool:
    return baton.received_at is not None and link.answered_at is not None and baton.received_at <= link.answered_at


def _renewal(scene: Scene, baton: Baton, link: Link) -> Choice:
    label = scene.say("baton.new_link", called=f"{link.called} ({baton_handing.name_of(baton.token)})")
    return choices.baton("link", label, baton.token, str(link.number))


def closed(scene: Scene, token: str) -> Outcome | None:
    """What a button of a form says that was handed over from here; None for another form."""
    if token not in scene.state.batons:
        return None
    return menus.offer(scene, scene.say("baton.handed_over"), menus.start_choices(scene))


def renew_link(scene: Scene, token: str, number: str) -> Outcome:
    """Another link and code for a guardian who has not answered; the old ones open nothing any more."""
    buttons = menus.start_choices(scene)
    baton = next((one for one in _batons(scene) if one.token == token), None)
    link = next((one for one in baton.links if str(one.number) == number), None) if baton else None
    if baton is None or link is None or link.state not in OPEN:
        return menus.offer(scene, scene.say("baton.no_more"), buttons)
    new = make_link(link.called)
    renewed, *said = baton_handing.again(scene, token, link.number, new, buttons)
    effects = (LinkReplaced(token, link.number, new),)
    return outcome(renewed, *said, account=Account("control", command="new_link"), effects=effects)
