"""What the web pages beside the chat need of storage: links opened with their codes, transfers taken, the sheet with a
link to print, and the blankett. Each is given to the conversation that it belongs to, and to no other.

Texts and pages are the channel's; what is opened or taken goes on in the dialogue, as part of a turn.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import segno

from bot.baton import asking as baton_asking
from bot.baton import handing as baton_handing
from bot.baton.blankett import make_blankett
from bot.scene import Scene, State, Tools
from bot.turn import Turn
from forms.form import in_language
from forms.loader import form_from_snapshot
from storage import batons, conversations, transfers
from storage.batons import OpenedLink
from storage.conversations import Draft
from storage.database import Database
from storage.transfers import Carried

CHANNEL = "web"


@dataclass(frozen=True)
class Sheet:
    """One guardian's paper: the link, and the code that is cut off from it. `qr` is an SVG element."""

    number: int
    called: str
    title: str
    link: str
    code: str
    valid_until: str

    @cached_property
    def qr(self) -> str:
        """The link as a QR code: an SVG element without styles of its own."""
        made = segno.make(self.link, error="m", micro=False)
        svg: str = made.svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None)
        return svg


@dataclass(frozen=True)
class BatonDesk:
    """`tools` as the dialogue has them, with `batons`; `database` is where conversations are."""

    tools: Tools
    database: Database

    def open_link(self, token: str, code: str, at: datetime) -> OpenedLink:
        """Raises the errors of `storage.batons.open_link`; a wrong code is counted."""
        return batons.open_link(self.database, token, code, at=at)

    def carried(self, token: str, at: datetime) -> Carried | None:
        """The draft behind a transfer's link, for a turn to take; None when it is taken or too old."""
        return transfers.carried(self.database, token, at=at)

    def busy(self, sender: str, at: datetime) -> Draft | None:
        """The form that the sender has open here."""
        return self._scene(sender, at).draft

    def title_of(self, draft: Draft, language: str) -> str:
        """What the form of a draft is called."""
        form = form_from_snapshot(draft.form) if draft.form else self.tools.forms.get(draft.form_id)
        return in_language(form.title, language) if form else draft.form_id

    def sheets(self, sender: str, baton: str, at: datetime) -> tuple[str, tuple[Sheet, ...]]:
        """The language of the conversation, and the papers of a baton made there in the last day, if it was."""
        scene = self._scene(sender, at)
        rows = [row for row in baton_handing.fresh_sheets(scene.state.sheets, at) if row[0] == baton]
        found = batons.find(self.database, baton, at) if rows else None
        if found is None or self.tools.batons is None:
            return scene.language, ()
        title = in_language(form_from_snapshot(found.form).title, scene.language)
        address, until = self.tools.batons.address, baton_asking.day(found.expires_at)
        open_ones = {str(link.number) for link in found.links if link.state in ("waiting", "opened")}
        return scene.language, tuple(
            Sheet(
                number=int(number),
                called=called,
                title=title,
                link=baton_handing.link_address(address, token),
                code=baton_handing.spaced(code),
                valid_until=until,
            )
            for _, number, called, token, code, _ in rows
            if number in open_ones
        )

    def blankett(self, sender: str, token: str, at: datetime) -> bytes | None:
        """The open form of this sender as a PDF; None when it is not the one of that token, or not for paper.

        Raises BlankettError.
        """
        scene = self._scene(sender, at)
        if scene.draft is None or scene.draft.token != token or scene.form is None or not baton_asking.at_work(scene):
            return None
        place = scene.municipality.names[scene.language] if scene.municipality else ""
        return make_blankett(scene.form, scene.draft.answers, scene.say, place, scene.today)

    def _scene(self, sender: str, at: datetime) -> Scene:
        stored = conversations.find(self.database, CHANNEL, sender)
        turn = Turn(CHANNEL, sender, "", received_at=at)
        return Scene(turn, State.from_json(stored.state), stored.draft, self.tools)
