"""The pages of links: a guardian's code, papers to print, and the one-time link that carries a form on from Telegram.

Opening a page does nothing: programs that look at links for a preview use nothing up. Only a posted form does, and then
the conversation goes on as a turn of the chat. No token is logged, and none stands in a page's text but on the papers.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, RawBody
from litestar.response import Template

from bot.baton.desk import BatonDesk
from bot.turn import Turn
from bot.web.pages import page
from bot.web.posted import FORM_BYTES, posted_fields
from bot.web.protection import from_our_page
from bot.web.texts import Texts, texts_in
from bot.web.visit import Visit, Visits, new_visit
from storage.batons import LinkExpiredError, LinkLockedError, LinkUnknownError, OpenedLink, WrongCodeError
from storage.conversations import ConversationChangedError, Draft
from storage.transfers import Carried

TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
CODE_PATH, SHEET_PATH, CARRY_PATH, BLANKETT_PATH = "/overlamning", "/overlamning/blad", "/fortsatt", "/blankett"

HttpRequest = Request[Any, Any, Any]
ShowChat = Callable[[Visit, Turn], Awaitable[Template]]


def baton_pages(
    desk: BatonDesk,
    show_chat: ShowChat,
    visits: Visits,
    texts: Mapping[str, Texts],
    municipalities: Container[str],
    limits: list[Any],
    turn_limits: list[Any],
) -> list[HTTPRouteHandler]:
    """The routes. `show_chat` answers a turn with the chat page; `municipalities` may be named beside a link."""
    pages = _Pages(desk, show_chat, visits, texts, municipalities)

    @get(f"{CODE_PATH}/{{token:str}}", middleware=limits, sync_to_thread=False)
    def ask_code(request: HttpRequest, token: FromPath[str]) -> Template:
        return pages.code_page(request, f"{CODE_PATH}/{_checked(token)}")

    @post(
        f"{CODE_PATH}/{{token:str}}",
        status_code=200,
        guards=[from_our_page],
        middleware=turn_limits,
        request_max_body_size=FORM_BYTES,
    )
    async def open_link(request: HttpRequest, token: FromPath[str], body: RawBody) -> Template:
        return await pages.opened(request, _checked(token), posted_fields(body).get("code", ""))

    @get(f"{CARRY_PATH}/{{token:str}}", middleware=limits, sync_to_thread=False)
    def ask_to_go_on(request: HttpRequest, token: FromPath[str]) -> Template:
        return pages.carry_page(request, f"{CARRY_PATH}/{_checked(token)}")

    @post(f"{CARRY_PATH}/{{token:str}}", status_code=200, guards=[from_our_page], middleware=turn_limits)
    async def go_on(request: HttpRequest, token: FromPath[str]) -> Template:
        return await pages.carried_on(request, _checked(token))

    @get(f"{SHEET_PATH}/{{baton:str}}", middleware=limits)
    async def show_sheets(request: HttpRequest, baton: FromPath[str]) -> Template:
        return await pages.sheets(request, _checked(baton))

    @get(f"{BLANKETT_PATH}/{{draft:str}}", middleware=limits)
    async def show_blankett(request: HttpRequest, draft: FromPath[str]) -> Response[bytes]:
        return await pages.blankett(request, _checked(draft))

    return [ask_code, open_link, ask_to_go_on, go_on, show_sheets, show_blankett]


class _Pages:
    """What the routes share."""

    def __init__(
        self,
        desk: BatonDesk,
        show_chat: ShowChat,
        visits: Visits,
        texts: Mapping[str, Texts],
        municipalities: Container[str],
    ) -> None:
        self._desk, self._show_chat, self._visits, self._texts = desk, show_chat, visits, texts
        self._municipalities = municipalities

    def code_page(self, request: HttpRequest, path: str, problem: str = "", status: int = 200) -> Template:
        """The page that asks for the code, after what was wrong with the last one."""
        language, t = self._language(request)
        context = {"t": t, "language": language, "w": t["link_code"], "path": path, "problem": problem}
        return page("code.html", context, status_code=status)

    async def opened(self, request: HttpRequest, token: str, typed: str) -> Template:
        """The conversation with the baton in it, or why the link did not open."""
        visit, now = self._visit(request), datetime.now(UTC)
        w = self._language(request)[1]["link_code"]
        code = re.sub(r"[\s-]", "", typed)[:16]
        try:
            opened = await asyncio.to_thread(self._desk.open_link, token, code, now)
        except WrongCodeError as error:
            if error.tries_left:
                key = "wrong_code" if error.tries_left > 1 else "wrong_code_last"
                problem = w["problems"][key].format(left=error.tries_left)
                return self.code_page(request, f"{CODE_PATH}/{token}", problem, 422)
            return self._said(request, w["problems"]["locked"], 423)
        except LinkLockedError:
            return self._said(request, w["problems"]["locked"], 423)
        except LinkExpiredError:
            return self._said(request, w["problems"]["expired"], 410)
        except LinkUnknownError:
            return self._said(request, w["problems"]["unknown"], 404)
        busy = await asyncio.to_thread(self._desk.busy, visit.sender, now)
        if busy is not None and busy.baton != opened.baton.token:
            return self._busy(request, busy)
        return await self._show_chat(visit, _turn(visit, opened, now))

    def carry_page(self, request: HttpRequest, path: str) -> Template:
        """The page that waits for a tap, so that looking at the link does not use it up."""
        language, t = self._language(request)
        w = t["carried_on"]
        named = self._municipality(request)
        tap = {"path": path, "label": w["open"], "kommun": named}
        context = {"t": t, "language": language, "heading": w["heading"], "paragraphs": w["text"], "tap": tap}
        return page("said.html", context)

    async def carried_on(self, request: HttpRequest, token: str) -> Template:
        """The conversation where it was in Telegram; 410 for a link that is used or too old."""
        visit, now = self._visit(request), datetime.now(UTC)
        while True:
            busy = await asyncio.to_thread(self._desk.busy, visit.sender, now)
            if busy is not None:
                return self._busy(request, busy)
            carried = await asyncio.to_thread(self._desk.carried, token, now)
            if carried is None:
                return self._said(request, self._language(request)[1]["carried_on"]["used"], 410)
            turn = replace(_turn(visit, carried, now), municipality=self._municipality(request))
            try:
                return await self._show_chat(visit, turn)
            except ConversationChangedError:
                if await asyncio.to_thread(self._desk.carried, token, now) == carried:
                    raise  # nobody has taken or changed it: it is something else

    async def sheets(self, request: HttpRequest, baton: str) -> Template:
        """The papers of a handover made in this conversation. Raises NotFoundException (404)."""
        visit = self._visits.read(request.cookies)
        found = await asyncio.to_thread(self._desk.sheets, visit.sender, baton, datetime.now(UTC)) if visit else None
        if found is None or not found[1]:
            raise NotFoundException
        language, t = texts_in(self._texts, found[0])
        return page("sheet.html", {"t": t, "language": language, "w": t["sheet"], "sheets": found[1]})

    async def blankett(self, request: HttpRequest, draft: str) -> Response[bytes]:
        """The open form of this conversation as a PDF. Raises NotFoundException (404)."""
        visit = self._visits.read(request.cookies)
        made = await asyncio.to_thread(self._desk.blankett, visit.sender, draft, datetime.now(UTC)) if visit else None
        if made is None:
            raise NotFoundException
        headers = {"Content-Disposition": 'inline; filename="blankett.pdf"'}
        return Response(made, media_type="application/pdf", headers=headers)

    def _visit(self, request: HttpRequest) -> Visit:
        return self._visits.read(request.cookies) or new_visit(self._language(request)[0])

    def _language(self, request: HttpRequest) -> tuple[str, Texts]:
        visit = self._visits.read(request.cookies)
        return texts_in(self._texts, request.query_params.get("lang") or (visit.language if visit else None))

    def _municipality(self, request: HttpRequest) -> str | None:
        named = request.query_params.get("kommun")
        return named if named in self._municipalities else None

    def _busy(self, request: HttpRequest, draft: Draft) -> Template:
        language, t = self._language(request)
        title = self._desk.title_of(draft, language)
        return self._said(request, t["link_code"]["problems"]["other_open"].format(form=title), 409)

    def _said(self, request: HttpRequest, sentence: str, status: int) -> Template:
        language, t = self._language(request)
        paragraphs = [sentence, t["errors"]["human"]]
        context = {"t": t, "language": language, "heading": t["said_heading"], "paragraphs": paragraphs, "tap": None}
        return page("said.html", context, status_code=status)


def _checked(token: str) -> str:
    """A token as we make them. Raises NotFoundException (404)."""
    if not TOKEN.fullmatch(token):
        raise NotFoundException
    return token


def _turn(visit: Visit, carried: OpenedLink | Carried, at: datetime) -> Turn:
    return Turn(
        channel="web",
        sender=visit.sender,
        message_id=f"link-{secrets.token_hex(16)}",
        received_at=at,
        language=visit.language,
        carried=carried,
    )
