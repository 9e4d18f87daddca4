"""Sentence vectors of multilingual-e5-small, computed by ONNX Runtime.

Every text is computed by itself on one core: its vector is the same to the last bit whoever else asks, nothing
waits for a thread of its own, and several texts share the cores. See docs/decisions/0012-embedding-engine.md.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import List

import numpy as np

from components.e5_weights import E5Weights
from components.eight_bits import open_session
from components.wordpieces import WordPieces

_QUESTION = "query: "
"""What the model was taught to see before a question."""


class Inputs:
    """Texts as the graph is given them. To be shared between threads."""

    def __init__(self, weights: E5Weights) -> None:
        """Reads the vocabulary (0.5 s)."""
        self._weights = weights
        self._pieces = WordPieces(weights.vocabulary())
        self.width = weights.shape.width

    def tokens(self, text: str) -> List[int]:
        """The numbers of the pieces the model is given for a text."""
        return self._pieces.cut(_QUESTION + text, self._weights.shape.longest)

    def embedded(self, text: str) -> np.ndarray:
        """Shape (1, tokens, width)."""
        return self._weights.embedded(self.tokens(text))


class SentenceEncoder:
    """Texts to vectors. To be shared between threads."""

    def __init__(self, graph: bytes, inputs: Inputs) -> None:
        """`graph` as made by `e5_graph`, from the weights that `inputs` has."""
        self._inputs = inputs
        self._session = open_session(graph)
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "encode")
        self.digest = hashlib.sha256(graph).digest()

    def encode(self, texts: List[str]) -> np.ndarray:
        """Vectors of unit length, shape (texts, width)."""
        if not texts:
            return np.zeros((0, self._inputs.width), np.float32)
        each = map if len(texts) == 1 else self._threads.map
        vectors = np.concatenate(list(each(self._encode, texts)))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _encode(self, text: str) -> np.ndarray:
        return self._session.run(["vector"], {"embedded": self._inputs.embedded(text)})[0]
