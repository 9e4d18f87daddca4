"""The web chat: HTTP in, `Turn` to `respond`, replies out as JSON for the page's script or as a page
without script.

Everything about the conversation is `respond`'s; the cookie, the protection, the pages' texts and the
templates are in `bot/web`. The page shows what this turn gave back; of earlier turns only a reply that a reloaded page
missed is sent again, when the page asks for it by its id.
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from litestar import Litestar, Request, get, post
from litestar import Response as HttpResponse
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.handlers import HTTPRouteHandler
from litestar.params import RawBody
from litestar.response import Redirect, Template
from litestar.static_files import create_static_files_router
from litestar.stores.memory import MemoryStore
from litestar.template.config import TemplateConfig

from bot.baton.desk import BatonDesk
from bot.turn import Response, Turn
from bot.web.baton_pages import baton_pages
from bot.web.buttons import weight
from bot.web.links import split
from bot.web.pages import AWAY, STATIC_DIRECTORY, error_handler, information_pages, page, template_engine
from bot.web.posted import FORM_BYTES, Message, json_object, message_id_of, message_of, posted_fields
from bot.web.protection import (
    LIMITS_STORE,
    STATIC_PATH,
    address_limit,
    asked_by_another_site,
    from_our_page,
    headers_setter,
    limits_swept,
    sender_limit,
)
from bot.web.texts import Texts, load_texts, texts_for_the_script, texts_in
from bot.web.visit import Visit, Visits, new_visit
from bot.web.waiting import Readiness, Turns

TURN_PATH = "/turn"
MISSED_PATH = "/missed"
JSON_BYTES = 256 * 1024
Respond = Callable[[Turn], Response]
Missed = Callable[[str, str, str], Response | None]
HttpRequest = Request[Any, Any, Any]


def create_app(
    respond: Respond,
    *,
    session_secret: bytes,
    secure_cookies: bool,
    municipalities: Mapping[str, str],
    nlu_ready: Callable[[], bool],
    missed: Missed | None = None,
    desk: BatonDesk | None = None,
    turns_a_minute: int = 60,
    requests_a_minute: int = 600,
) -> Litestar:
    """The web chat as an ASGI application.

    `session_secret` is 32 bytes. `municipalities` maps id to name, for `?kommun=` and the header. `nlu_ready`
    says whether free text is understood yet. `missed` gives the response kept for a channel, a sender and a message
    id; without it a page that was reloaded gets none. `desk` is for links and papers; without one there are
    no such pages. `turns_a_minute` is for one sender, `requests_a_minute` for one network address. `respond` is called
    in threads of the application's own; `nlu_ready`, `missed` and the desk in worker threads.
    """
    visits = Visits(session_secret, secure=secure_cookies)
    texts = load_texts()
    turns, readiness = Turns(respond), Readiness(nlu_ready)
    limits = [address_limit(requests_a_minute)]
    return Litestar(
        route_handlers=[
            *_chat(turns, visits, texts, municipalities, readiness, limits, turns_a_minute, missed, desk),
            *_service(visits, readiness, limits),
            *information_pages(visits, texts, limits),
            create_static_files_router(STATIC_PATH, [STATIC_DIRECTORY], middleware=limits),
        ],
        before_send=[headers_setter(https_only=secure_cookies)],
        exception_handlers={Exception: error_handler(visits, texts, {TURN_PATH, MISSED_PATH})},
        lifespan=[limits_swept, turns.running],
        stores={LIMITS_STORE: MemoryStore()},
        template_config=TemplateConfig(instance=template_engine()),
        request_max_body_size=JSON_BYTES,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _chat(
    turns: Turns,
    visits: Visits,
    texts: Mapping[str, Texts],
    municipalities: Mapping[str, str],
    readiness: Readiness,
    limits: list[Any],
    turns_a_minute: int,
    missed: Missed | None,
    desk: BatonDesk | None,
) -> list[HTTPRouteHandler]:
    """The routes of the conversation: the page, the page after a posted form, the script's turns, and links to it."""
    turn_limits = [*limits, sender_limit(visits, turns_a_minute)]

    async def chat_page(visit: Visit, turn: Turn) -> Template:
        response = await turns.respond(turn)
        language, t = texts_in(texts, response.language)
        context = {
            "t": t,
            "language": language,
            "reply_language": response.language,
            "response": response,
            "wrote": turn.text,
            "municipality": municipalities.get(response.municipality or visit.municipality or ""),
            "free_text": await readiness.now(),
            "message_id": secrets.token_hex(16),
            "form_key": visits.form_key(visit),
            "script_texts": json.dumps(texts_for_the_script(texts), ensure_ascii=False),
        }
        return page("chat.html", context, cookies=[visits.cookie(_after(visit, turn, response))])

    @get("/", middleware=limits)
    async def open_chat(request: HttpRequest) -> Template:
        named = request.query_params.get("kommun")
        municipality = named if named in municipalities else None
        visit = visits.read(request.cookies)
        if visit is None and asked_by_another_site(request) and "vidare" not in request.query_params:
            return _onward(municipality, texts)
        visit = visit or new_visit()
        if municipality and municipality != visit.municipality:
            visit = replace(visit, municipality=municipality, handed_over=False)
        turn = Turn(
            channel="web",
            sender=visit.sender,
            message_id=f"start-{secrets.token_hex(16)}",
            municipality=visit.to_hand_over,
            language=visit.language,
            start=True,
        )
        return await chat_page(visit, turn)

    @post(
        "/",
        status_code=200,
        guards=[from_our_page],
        middleware=turn_limits,
        request_max_body_size=FORM_BYTES,
    )
    async def posted_form(request: HttpRequest, body: RawBody) -> Template:
        visit = visits.read(request.cookies)
        data = posted_fields(body)
        if visit is None or not visits.fits(data.pop("form_key", ""), visit):
            raise PermissionDeniedException
        if data.get("choice"):
            data.pop("text", None)
        return await chat_page(visit, _turn(visit, message_of(data)))

    def from_script(request: HttpRequest, body: bytes) -> tuple[Visit, dict[str, Any]]:
        if request.content_type[0] != "application/json":
            raise HTTPException(status_code=415)
        visit = visits.read(request.cookies)
        if visit is None:
            raise PermissionDeniedException
        return visit, json_object(body)

    @post(TURN_PATH, status_code=200, guards=[from_our_page], middleware=turn_limits)
    async def take_turn(request: HttpRequest, body: RawBody) -> HttpResponse[dict[str, Any]]:
        visit, data = from_script(request, body)
        turn = _turn(visit, message_of(data))
        response = await turns.respond(turn)
        after = _after(visit, turn, response)
        cookies = [visits.cookie(after)] if after != visit else []
        wire = to_wire(response) | {"municipality": municipalities.get(response.municipality or "")}
        return HttpResponse(wire, cookies=cookies)

    @post(MISSED_PATH, status_code=200, guards=[from_our_page], middleware=turn_limits)
    async def give_missed(request: HttpRequest, body: RawBody) -> HttpResponse[dict[str, Any] | None]:
        """The response kept for a message whose reply the page never showed; 204 when there is none."""
        visit, data = from_script(request, body)
        message_id = message_id_of(data)
        response = await asyncio.to_thread(missed, "web", visit.sender, message_id) if missed else None
        return HttpResponse(to_wire(response)) if response else HttpResponse(None, status_code=204)

    links = baton_pages(desk, chat_page, visits, texts, municipalities, limits, turn_limits) if desk else []
    return [open_chat, posted_form, take_turn, give_missed, *links]


def _service(visits: Visits, readiness: Readiness, limits: list[Any]) -> list[HTTPRouteHandler]:
    """The small routes beside the conversation."""

    @get("/lamna", sync_to_thread=False)
    def leave(request: HttpRequest) -> Redirect:
        """Away at once; the browser forgets the conversation, unless another site asked for it."""
        cookies = [] if asked_by_another_site(request) else [visits.removal()]
        return Redirect(AWAY, status_code=303, cookies=cookies)

    @get("/ready", middleware=limits)
    async def ready() -> dict[str, bool]:
        """Whether free text is understood yet; the page asks until it is."""
        return {"free_text": await readiness.now()}

    @get("/healthz", status_code=204, sync_to_thread=False)
    def health() -> None:
        """The process answers."""

    return [leave, ready, health]


def to_wire(response: Response) -> dict[str, Any]:
    """A response as the page's script gets it; `parts` is the text once more, with its links apart."""
    return {
        "replies": [
            {
                "text": reply.text,
                "parts": [asdict(part) for part in split(reply.text)],
                "choices": [asdict(choice) | {"weight": weight(choice.id)} for choice in reply.choices],
                "sources": [asdict(source) for source in reply.sources],
                "source_word": reply.source_word,
                "progress": reply.progress,
                "tone": reply.tone,
                "expects": reply.expects,
            }
            for reply in response.replies
        ],
        "language": response.language,
        "draft": asdict(response.draft) if response.draft else None,
        "submission": asdict(response.submission) if response.submission else None,
    }


def _onward(municipality: str | None, texts: Mapping[str, Texts]) -> Template:
    """A page that goes on to the chat by itself: the browser then sends the cookie it kept back."""
    language, t = texts_in(texts, None)
    address = "/?vidare=1" + (f"&kommun={municipality}" if municipality else "")
    return page("onward.html", {"t": t, "language": language, "address": address})


def _turn(visit: Visit, message: Message) -> Turn:
    return Turn(
        channel="web",
        sender=visit.sender,
        message_id=message.message_id,
        text=message.text,
        choice=message.choice,
        municipality=visit.to_hand_over,
        language=visit.language,
        place=visit.place,
    )


def _after(visit: Visit, turn: Turn, response: Response) -> Visit:
    """The visit when `turn` has been answered. A page that was only opened has handed nothing over."""
    told = turn.municipality is not None and not turn.start
    handed_over = visit.handed_over or told
    place = response.municipality or visit.place
    return replace(visit, language=response.language, handed_over=handed_over, place=place)
