"""Sentence vectors of multilingual-e5-small, computed by ONNX Runtime.

Every text is computed by itself on one core: its vector is the same to the last bit whoever else asks, nothing
waits for a thread of its own, and several texts share the cores. See docs/decisions/0012-embedding-engine.md.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import List

import numpy as np
import onnxruntime

from components.e5_weights import E5Weights
from components.wordpieces import WordPieces

_QUESTION = "query: "
"""What the model was taught to see before a question."""


class SentenceEncoder:
    """Texts to vectors. To be shared between threads."""

    def __init__(self, graph: bytes, weights: E5Weights) -> None:
        """`graph` as made by `e5_graph` from the same weights."""
        self._weights = weights
        self._pieces = WordPieces(weights.vocabulary())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Memory kept for the next text is kept for every length there was, and gains nothing.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "encode")
        self.digest = hashlib.sha256(graph).digest()
        self.width = weights.shape.width

    def encode(self, texts: List[str]) -> np.ndarray:
        """Vectors of unit length, shape (texts, width)."""
        if not texts:
            return np.zeros((0, self.width), np.float32)
        each = map if len(texts) == 1 else self._threads.map
        vectors = np.concatenate(list(each(self._encode, texts)))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def tokens(self, text: str) -> List[int]:
        """The numbers of the pieces the model is given for a text."""
        return self._pieces.cut(_QUESTION + text, self._weights.shape.longest)

    def _encode(self, text: str) -> np.ndarray:
        embedded = self._weights.embedded(self.tokens(text))
        return self._session.run(["vector"], {"embedded": embedded[np.newaxis]})[0]
