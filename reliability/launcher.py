"""Starts Kontakt's service, as `kontakt serve` does, in children that end themselves at a step of a turn.

`python -m reliability.launcher` reads a line of JSON for each life, forks – what is imported and read is so once – and
writes the child's process id and, when it has ended, its status. Three things are not as usual: the NLU process is one
that runs already, the Telegram lease may be short, and the killer watches the libraries' own events.
"""

import ctypes
import importlib
import json
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import httpx

import assembly
import bot.channels.telegram
import bot.channels.web
import bot.safety
import logs
import nlu.process
import serving
from bot.channels.telegram_pace import Pace
from reliability.steps import Killer, Transactions
from settings import load_settings

IMPORTED_LATE = (
    *("bot.dialogue", "bot.channels.web", "review.app", "storage.retention", "litestar.plugins.pydantic"),
    *("pydantic.v1", "sqlalchemy.dialects.sqlite", "psycopg", "httpx", "telegram.request"),
)
"""What a service imports only when it starts; imported once here, for all that are forked."""

Message = MutableMapping[str, Any]


class RunningNlu:
    """The NLU process that was started once, outside: there is nothing to start or stop."""

    def __init__(self, *given: object) -> None:
        """Takes what the ordinary one takes."""

    def start(self) -> None:
        """It runs."""

    def stop(self) -> None:
        """It goes on."""

    def alive(self) -> bool:
        """It is looked after by the one who started it."""
        return True


def watched_site(app: Any, killer: Killer) -> Any:
    """The web chat with the steps of its turns."""

    async def application(scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != bot.channels.web.TURN_PATH:
            await app(scope, receive, send)
            return

        async def receiving() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                killer.reached("web: a message has come")
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                killer.reached("web: before the answer")
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                killer.reached("web: after the answer")

        await app(scope, receiving, sending)

    return application


def watch_requests(killer: Killer) -> None:
    """The steps of what is asked of Telegram."""
    ask = httpx.AsyncHTTPTransport.handle_async_request
    acknowledged = 0

    async def watched(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        nonlocal acknowledged
        method = request.url.path.rpartition("/")[2]
        step = None
        if method == "sendMessage":
            step = "telegram: {} a reply is sent"
        elif method == "getUpdates":
            offset = int(parse_qs(request.content.decode()).get("offset", ["0"])[0])
            step = "telegram: {} the acknowledgement" if offset > acknowledged else None
            acknowledged = max(offset, acknowledged)
        if step:
            killer.reached(step.format("before"))
        response = await ask(self, request)
        if step:
            killer.reached(step.format("after"))
        return response

    httpx.AsyncHTTPTransport.handle_async_request = watched  # type: ignore[method-assign]


def end_with_parent() -> None:
    """This process is killed when the one that started it is gone (Linux: PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def live(step: str, nth: int, seed: int, lease: float) -> None:
    """One life of the service, to the kill or the end. `lease`: seconds."""
    killer = Killer(step, nth, random.Random(seed))
    Transactions(killer).watch()
    watch_requests(killer)
    run = serving.run

    def watched_run(sites: Sequence[serving.Site], *given: Any, **named: Any) -> None:
        chat, *others = sites
        run([serving.Site(watched_site(chat.app, killer), chat.listener), *others], *given, **named)

    serving.run = watched_run
    nlu.process.NluProcess = RunningNlu  # type: ignore[misc, assignment]
    pace = Pace(lease=lease)
    bot.channels.telegram.run = partial(bot.channels.telegram.run, pace=pace)
    logs.configure()
    assembly.run_service(load_settings())


def main() -> None:
    """A child for each line; it dies with this process, and this one with the harness."""
    end_with_parent()
    for name in IMPORTED_LATE:
        importlib.import_module(name)
    bot.safety.load_phrases()
    made = assembly.make_tools(load_settings())
    assembly.make_tools = lambda settings: made  # read from the same files at every start
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            end_with_parent()
            os.umask(0o077)
            try:
                live(order["step"], order["nth"], order["seed"], order["lease"])
            except BaseException as error:
                # Broad on purpose: whatever it was, the child must not go on as its parent.
                sys.stderr.write(f"ended: {type(error).__name__}: {error}\n")
                sys.stderr.flush()
                os._exit(1)
            os._exit(0)
        print(json.dumps({"pid": child}), flush=True)
        status = os.waitpid(child, 0)[1]
        print(json.dumps({"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}), flush=True)


if __name__ == "__main__":
    main()
