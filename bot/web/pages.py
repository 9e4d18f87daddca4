"""The pages of the web chat as templates: what every template needs, the two information pages and the
error pages.

Texts come from `texts.yml`; the files under `static` get their content's hash in the address, so that
browsers may keep them.
"""

import hashlib
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template

from bot.web.buttons import weight
from bot.web.links import split
from bot.web.protection import STATIC_PATH
from bot.web.texts import Texts, texts_in
from bot.web.visit import Visits

STATIC_DIRECTORY = Path(__file__).parent / "static"
TEMPLATE_DIRECTORY = Path(__file__).parent / "templates"
AWAY = "https://www.svt.se/vader/"
"""Where "leave this page fast" goes: the weather page of a public broadcaster."""

ErrorHandler = Callable[[Request[Any, Any, Any], Exception], Response[Any]]

_log = structlog.get_logger(__name__)


def template_engine() -> JinjaTemplateEngine:
    """Jinja2 with escaping always on and nothing undefined allowed."""
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in STATIC_DIRECTORY.iterdir()}
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_DIRECTORY),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        asset=lambda name: f"{STATIC_PATH}/{name}?v={hashes[name]}", away=AWAY, split=split, weight=weight
    )
    return JinjaTemplateEngine.from_environment(environment)


def page(name: str, context: Mapping[str, Any], *, status_code: int = 200, **others: Any) -> Template:
    """A template as an HTML response."""
    return Template(name, context=dict(context), media_type="text/html", status_code=status_code, **others)


def information_pages(visits: Visits, texts: Mapping[str, Texts], limits: list[Any]) -> list[HTTPRouteHandler]:
    """The routes `/om` and `/tillganglighet`; `?lang=` chooses the language, else the conversation's."""

    def show(request: Request[Any, Any, Any], key: str, path: str) -> Template:
        visit = visits.read(request.cookies)
        wanted = request.query_params.get("lang") or (visit.language if visit else None)
        language, t = texts_in(texts, wanted)
        return page("information.html", {"t": t, "language": language, "key": key, "path": path})

    @get("/om", middleware=limits, sync_to_thread=False)
    def about(request: Request[Any, Any, Any]) -> Template:
        return show(request, "about", "/om")

    @get("/tillganglighet", middleware=limits, sync_to_thread=False)
    def accessibility(request: Request[Any, Any, Any]) -> Template:
        return show(request, "accessibility", "/tillganglighet")

    return [about, accessibility]


def error_handler(visits: Visits, texts: Mapping[str, Texts], json_paths: Set[str]) -> ErrorHandler:
    """Any exception as a clear sentence in the resident's language: JSON on `json_paths`, else a page.

    What went wrong inside is logged by the name of its kind and its place, never with its message.
    """

    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = _retry_after(error)
        if status >= 500:
            _log.error("web.request_failed", kind=type(error).__name__, place=_place(error))
        visit = visits.read(request.cookies)
        language, t = texts_in(texts, visit.language if visit else None)
        sentences = t["errors"]
        sentence = sentences.get(str(status), sentences["500" if status >= 500 else "400"])
        if request.url.path in json_paths:
            content = {"error": f"{sentence} {sentences['human']}", "language": language}
            return Response(content, status_code=status, headers=headers, media_type="application/json")
        context = {"t": t, "language": language, "sentence": sentence, "human": sentences["human"]}
        return page("error.html", context, status_code=status, headers=headers)

    return answer


def _retry_after(error: Exception) -> dict[str, str]:
    said = error.headers if isinstance(error, HTTPException) and error.headers else {}
    wait = said.get("Retry-After", said.get("RateLimit-Reset"))
    return {} if wait is None else {"Retry-After": str(max(1, int(wait)))}


def _place(error: Exception) -> str:
    step = error.__traceback__
    while step and step.tb_next:
        step = step.tb_next
    return f"{Path(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno}" if step else "unknown"
