"""The NLU process: loads one model, then answers POST /parse and GET /healthz on 127.0.0.1.

Run by this directory's own interpreter (3.10), from `nlu/process.py`. It takes an ephemeral port and
makes its own token, and writes both to the run file when it is ready. It opens no outbound
connection, logs no text and keeps texts in memory only (a cache of the latest). It leaves when its
standard input closes, so it never outlives the process that started it, and on SIGTERM.
"""

import os
import sys
import threading


def _leave_with_parent() -> None:
    """Waits for standard input to close, which happens when the parent is gone; then ends at once."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), 15)


if __name__ == "__main__":
    # Before anything slow is imported: a parent may die while Rasa loads.
    threading.Thread(target=_leave_with_parent, daemon=True).start()

import argparse  # noqa: E402
import asyncio  # noqa: E402
import gc  # noqa: E402
import hashlib  # noqa: E402
import hmac  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import secrets  # noqa: E402
import signal  # noqa: E402
import tempfile  # noqa: E402
import warnings  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Callable, Dict, List  # noqa: E402

from aiohttp import web  # noqa: E402

HERE = Path(__file__).resolve().parent
BODY_LIMIT = 64 * 1024
BODY_SECONDS = 3.0
HEADER_SECONDS = 5.0
CONNECTIONS = 64

Understand = Callable[[List[str]], List[Dict[str, Any]]]


def main() -> int:
    """Loads, announces and serves until told to stop."""
    arguments = _arguments()
    _quieten(arguments.log_level)
    sys.path.insert(0, str(HERE))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with tempfile.TemporaryDirectory(prefix="kontakt-nlu-") as work:
        model = Path(work, "model.tar.gz")
        model.write_bytes(arguments.model.read_bytes())
        if not hmac.compare_digest(hashlib.sha256(model.read_bytes()).hexdigest(), arguments.sha256):
            sys.stderr.write(
                f"error: the model {arguments.model.name} is not the one that was trained (sha256 differs)\n"
            )
            return 2
        from model import load_model

        understand = load_model(model, Path(work))
    asyncio.run(_serve(understand, arguments.run_file))
    return 0


async def _serve(understand: Understand, run_file: Path) -> None:
    from batching import Batcher

    token = secrets.token_urlsafe(32)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    batcher = Batcher(understand)
    # Once before anybody waits: the first text takes tenths of a second.
    await batcher.understand("hej")
    # What is loaded by now stays; looking through it for garbage again and again would take tenths of seconds.
    gc.collect()
    gc.freeze()
    runner = web.AppRunner(
        make_app(batcher.understand, token), access_log=None, handle_signals=False, keepalive_timeout=75
    )
    await runner.setup()
    listener = await loop.create_server(_guarded(runner.server, loop), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        write_run_file(run_file, {"port": port, "token": token, "pid": os.getpid()})
        await stopped.wait()
    finally:
        remove_run_file(run_file, token)
    # Threads may still be at work in native code; there is nothing to save, so nobody waits for them.
    os._exit(0)


def make_app(understand: Callable[[str], Any], token: str) -> web.Application:
    """The two routes, both behind the bearer token; anything else is 404 or 405."""
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: Callable) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected):
            return _refuse(401)
        try:
            return await handler(request)
        except web.HTTPException as refusal:
            return _refuse(refusal.status)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # a text the model cannot take must not stop the others; nothing of it is logged
            return _refuse(500)

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def parse(request: web.Request) -> web.Response:
        if (request.content_length or 0) > BODY_LIMIT:
            return _refuse(413)
        try:
            body = await asyncio.wait_for(request.read(), BODY_SECONDS)
        except asyncio.TimeoutError:  # noqa: UP041 Python 3.10 knows two of them
            return _refuse(408)
        text = _text_of(body)
        if text is None:
            return _refuse(400)
        return web.json_response(await understand(text))

    app = web.Application(middlewares=[guard], client_max_size=BODY_LIMIT, logger=logging.getLogger("silent"))
    app.router.add_get("/healthz", healthz, allow_head=False)
    app.router.add_post("/parse", parse)
    return app


def _text_of(body: bytes) -> "str | None":
    """The text in {"text": "…"}, or None for anything else."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    text = content.get("text") if isinstance(content, dict) else None
    return text if isinstance(text, str) else None


def _refuse(status: int) -> web.Response:
    response = web.json_response({"error": status}, status=status)
    response.force_close()
    return response


def _guarded(server: Any, loop: asyncio.AbstractEventLoop) -> Callable[[], asyncio.Protocol]:
    """Connections for the server; one that has sent no whole request head in time is closed."""
    open_connections: set[Any] = set()

    def connect() -> asyncio.Protocol:
        connection = server()
        open_connections.add(connection)
        open_connections.difference_update(
            [known for known in open_connections if known.transport is None and known is not connection]
        )
        loop.call_later(HEADER_SECONDS, close_when_silent, connection)
        if len(open_connections) > CONNECTIONS:
            loop.call_soon(lambda: connection.transport and connection.transport.abort())
        return connection

    def close_when_silent(connection: Any) -> None:
        if connection.transport is not None and connection._request_count == 0 and connection._current_request is None:
            connection.transport.abort()

    return connect


def write_run_file(path: Path, content: Dict[str, Any]) -> None:
    """Writes the run file in one step, readable by its owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file)
    draft.replace(path)


def remove_run_file(path: Path, token: str) -> None:
    """Removes the run file if it is still this process's own."""
    try:
        if json.loads(path.read_text("utf-8")).get("token") == token:
            path.unlink()
    except (OSError, ValueError):
        return


def _quieten(level: str) -> None:
    """Sends logs to standard error at a level, without anything that could hold a resident's text."""
    import structlog

    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s %(message)s")
    # What these have to say can quote a request.
    for name in ("aiohttp", "asyncio", "silent"):
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    # Rasa writes messages through structlog ("processor.message.parse"); none of it is wanted here.
    structlog.configure(processors=[_drop], cache_logger_on_first_use=False)
    warnings.showwarning = lambda *_, **__: None


def _drop(logger: Any, method: str, event: Dict[str, Any]) -> Dict[str, Any]:
    import structlog

    raise structlog.DropEvent


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sha256", required=True, help="what the model file must be")
    parser.add_argument("--run-file", type=Path, required=True)
    parser.add_argument("--log-level", default="WARNING", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
