"""Taking back what was sent in: asked first, then marked as withdrawn. Nothing is deleted by it, and that is said."""

from bot import choices, menus
from bot.scene import Outcome, Scene, outcome
from bot.sent import status
from bot.sent.remembered import Sent
from bot.turn import Account, Reply
from storage.additions import Withdrawal, can_be_withdrawn

WITHDRAW = "withdraw"
YES = "yes"


def withdraw(scene: Scene, detail: str) -> Outcome:
    """`detail` is nothing, a reference, or a reference and ":yes" when it was asked and meant."""
    reference, _, meant = detail.partition(":")
    if not reference:
        return _which(scene)
    one = next((sent for sent in scene.state.sent if sent.reference == reference), None)
    if one is None:
        return menus.offer(scene, scene.say("out.stale"), menus.start_choices(scene), _account())
    now = status.status_now(scene, one)
    if now is None or not can_be_withdrawn(now):
        key = "withdraw.already" if now == "withdrawn" else "withdraw.too_late"
        buttons = (choices.command("human", scene.say("menu.human")),)
        return menus.offer(scene, scene.say(key, reference=reference), buttons, _account())
    return _done(scene, one) if meant == YES else _asked(scene, one)


def _which(scene: Scene) -> Outcome:
    """The only one that can be withdrawn, a choice among several, or that reference and code are needed."""
    own = [one for one in scene.state.sent if (now := status.status_now(scene, one)) and can_be_withdrawn(now)]
    if len(own) == 1:
        return _asked(scene, own[0])
    if not own:
        said = scene.say("withdraw.nothing") if scene.state.sent else scene.say("withdraw.which_reference")
        return status.wanted(scene, said)
    buttons = tuple(
        choices.command(WITHDRAW, f"{status.title(scene, one.form_id)}, {one.reference}", one.reference) for one in own
    )
    return menus.offer(scene, scene.say("withdraw.which"), buttons, _account())


def _asked(scene: Scene, one: Sent) -> Outcome:
    say = scene.say
    text = say("withdraw.ask", form=status.title(scene, one.form_id), reference=one.reference, date=one.day)
    buttons = (
        choices.command(WITHDRAW, say("withdraw.sure"), f"{one.reference}:{YES}"),
        choices.command("my_data", say("withdraw.keep")),
    )
    return menus.offer(scene, text, buttons, _account())


def _done(scene: Scene, one: Sent) -> Outcome:
    text = scene.say("withdraw.done", form=status.title(scene, one.form_id), reference=one.reference)
    buttons = menus.start_choices(scene)
    effects = (Withdrawal(one.reference, None),)
    return outcome(scene.remember(offered=buttons), Reply(text, buttons), account=_account(), effects=effects)


def _account() -> Account:
    return Account("control", command=WITHDRAW)
