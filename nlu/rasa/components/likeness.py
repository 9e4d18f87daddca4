"""How alike a vector is to each of many others: their cosines, in eight bits."""

import numpy as np

from components.eight_bits import eight_bits, open_session


def build_likeness(vectors: np.ndarray) -> bytes:
    """A graph for vectors of unit length, shape (many, dimensions). Only here `onnx` is needed."""
    from onnx import TensorProto, helper, numpy_helper

    numbers, scales = eight_bits(vectors.T)
    constants = [numpy_helper.from_array(np.ascontiguousarray(numbers), "numbers")]
    constants.append(numpy_helper.from_array(scales, "scales"))
    inputs = ["vector", "numbers", "scales"]
    node = helper.make_node("DynamicQuantizeMatMul", inputs, ["cosines"], "cosines", domain="com.microsoft")
    given = helper.make_tensor_value_info("vector", TensorProto.FLOAT, [1, vectors.shape[1]])
    made = helper.make_tensor_value_info("cosines", TensorProto.FLOAT, [1, len(vectors)])
    whole = helper.make_graph([node], "likeness", [given], [made], constants)
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(whole, opset_imports=versions, ir_version=8).SerializeToString()


class Likeness:
    """The others. To be shared between threads."""

    def __init__(self, graph: bytes) -> None:
        """`graph` as `build_likeness` makes it."""
        self._session = open_session(graph)

    def cosines(self, vectors: np.ndarray) -> np.ndarray:
        """Of unit vectors, shape (messages, dimensions), to each of the others: shape (messages, many).

        Each by itself: those that are asked about together would share a scale.
        """
        rows = [self._session.run(["cosines"], {"vector": vector[np.newaxis]})[0] for vector in vectors]
        return np.concatenate(rows)
