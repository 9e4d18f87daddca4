"""Coroutines in tests: in a thread of their own, since Chromium's driver keeps an event loop in the main one."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """What `work` returns or raises."""
    return apart(asyncio.run, work)


def apart(work: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """What `work`, which has an event loop of its own, returns or raises."""
    with ThreadPoolExecutor(1, "event loop") as thread:
        return thread.submit(work, *given, **named).result()
