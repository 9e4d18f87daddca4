"""Listens to what the NLU process is asked: stands between Kontakt and it, and passes everything on."""

import http.client
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextmanager
def listening(run_file: Path) -> Iterator[list[str]]:
    """The texts that are asked about while the block lasts, as they come. The run file names us instead."""
    own = json.loads(run_file.read_bytes())
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if body:
                heard.append(json.loads(body)["text"])
            asked = http.client.HTTPConnection("127.0.0.1", own["port"], timeout=20)
            try:
                asked.request(self.command, self.path, body or None, dict(self.headers))
                answer = asked.getresponse()
                content = answer.read()
            except OSError:
                self.close_connection = True
                return
            finally:
                asked.close()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815  http.server finds it by this name

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _write(run_file, own | {"port": server.server_port})
    try:
        yield heard
    finally:
        _write(run_file, own)
        server.shutdown()
        server.server_close()


def _write(path: Path, content: dict[str, object]) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content))
    draft.chmod(0o600)
    os.replace(draft, path)
