"""Texts of several clients answered together, and the latest answers kept in memory.

One text is embedded on one core, several on all of them, and the rest costs less for several together;
so while one batch is at work the next texts gather. Identical texts are answered from a bounded
cache. Nothing here is written anywhere.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Tuple

from components.text import clean

_KEPT = 2000
_TOGETHER = 16
NOTHING: Dict[str, Any] = {"intent": {"name": "out_of_scope", "confidence": 1.0}, "ranking": [], "entities": []}
"""What an empty text means."""


class Batcher:
    """Gathers texts for one worker thread. To be used within one event loop."""

    def __init__(self, understand: Callable[[List[str]], List[Dict[str, Any]]]) -> None:
        """`understand` answers a list of cleaned texts; it runs in a thread, one call at a time."""
        self._understand = understand
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="understand")
        self._waiting: List[Tuple[str, asyncio.Future[Dict[str, Any]]]] = []
        self._working = False
        self._worker: asyncio.Future[None] | None = None
        self._kept: OrderedDict[str, Dict[str, Any]] = OrderedDict()

    async def understand(self, text: str) -> Dict[str, Any]:
        """What one text means. Raises what `understand` raises."""
        text = clean(text)
        if not text:
            return NOTHING
        if text in self._kept:
            self._kept.move_to_end(text)
            return self._kept[text]
        answer: asyncio.Future[Dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((text, answer))
        if not self._working:
            self._working = True
            self._worker = asyncio.ensure_future(self._work())
        return await answer

    async def _work(self) -> None:
        """Answers batches until nothing waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
                texts = list(OrderedDict.fromkeys(text for text, _ in batch))
                try:
                    results = dict(
                        zip(texts, await loop.run_in_executor(self._thread, self._understand, texts), strict=True)
                    )
                except Exception as error:  # handed to everyone who waits for this batch
                    for _, answer in batch:
                        if not answer.done():
                            answer.set_exception(error)
                    continue
                for text, answer in batch:
                    self._keep(text, results[text])
                    if not answer.done():
                        answer.set_result(results[text])
        finally:
            self._working = False

    def _keep(self, text: str, result: Dict[str, Any]) -> None:
        self._kept[text] = result
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
