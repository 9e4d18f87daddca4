"""Fills in a template with what every page needs: who is signed in and the form token; reads a list's filters."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.datastructures import Cookie
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template

from review.desk import StaffRequest

TEMPLATES = Path(__file__).parent / "templates"


def make_engine() -> JinjaTemplateEngine:
    """Jinja with escaping everywhere, whatever the file is called, and an error for every misspelt name."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return JinjaTemplateEngine.from_environment(environment)


def page(
    request: StaffRequest,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    cookies: Sequence[Cookie] = (),
    **context: Any,
) -> Template:
    """The page as a response. `context` holds the names that the template uses."""
    common = {
        "reviewer": request.scope.get("user"),
        "csrf": request.state.get("form_token", ""),
        "here": None,
    }
    return Template(
        template,
        context=common | context,
        status_code=status,
        headers=headers,
        cookies=list(cookies),
        media_type="text/html",
    )


def chosen_filter(request: StaffRequest, field: str, options: Container[str]) -> str | None:
    """What a list is narrowed to by this field of the address; None (everything) for anything but an option."""
    value = request.query_params.get(field)
    return value if value in options else None
