"""Matrices in eight bits, and how ONNX Runtime multiplies by them: what they become, and the session that computes.

A number takes a quarter of the memory of a float32, and reading memory is most of what multiplying costs here. What is
multiplied is brought to eight bits at that moment, one scale for all of it.
"""

from typing import Tuple

import numpy as np
import onnxruntime

_MOST = 127
"""The largest number of eight bits."""


def eight_bits(matrix: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The matrix as int8, and a float32 scale for each of its columns."""
    scales = (np.abs(matrix).max(axis=0) / _MOST).astype(np.float32)
    return np.round(matrix / scales).astype(np.int8), scales


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    """What runs a graph, each run on the one core it is called on. To be shared between threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # A plan of the memory would be kept for every length of text that there was.
    options.enable_mem_pattern = False
    # Where a processor would let sums of eight-bit products overflow: exact rather than fast.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
