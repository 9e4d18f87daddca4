"""multilingual-e5-small as an ONNX graph, made from the weights when the model is trained.

Four-bit weights stay as they are, block for block: ONNX Runtime's MatMulNBits has the same layout but for the order of
the numbers within a block. What it multiplies them by is rounded to eight bits, a scale for every 32, so one
token never changes the numbers of another. Running the graph is left to `encoder`.
"""

from typing import List

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from components.e5_weights import BLOCK, E5Weights, four_bit

_EPSILON = 1e-12
_EIGHT_BIT = 4
"""MatMulNBits' `accuracy_level`: multiply by eight-bit numbers."""
_OURS, _THEIRS = "", "com.microsoft"


class _Graph:
    """Nodes and constants while they are gathered."""

    def __init__(self, weights: E5Weights) -> None:
        self.weights = weights
        self.nodes: List[NodeProto] = []
        self.constants: List[TensorProto] = []

    def constant(self, name: str, array: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def array(self, *names: str) -> str:
        return self.constant("+".join(names), np.concatenate([self.weights.array(name) for name in names]))

    def node(self, operator: str, inputs: List[str], output: str, domain: str = _THEIRS, **settings: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], output, domain=domain, **settings))
        return output

    def product(self, given: str, names: List[str], rows: int, columns: int, output: str) -> str:
        """`given` times the matrices of these names, each of shape (rows, columns), side by side."""
        blocks = np.concatenate([self.weights.blocks(name, rows, columns) for name in names])
        numbers = four_bit(blocks)
        pairs = numbers[..., 0::2] | (numbers[..., 1::2] << 4)
        inputs = [given, self.constant(f"{output}.pairs", pairs)]
        inputs.append(self.constant(f"{output}.scales", blocks["scale"].astype(np.float32).ravel()))
        sizes = {"N": rows * len(names), "K": columns, "bits": 4, "block_size": BLOCK, "accuracy_level": _EIGHT_BIT}
        return self.node("MatMulNBits", inputs, output, **sizes)


def build_graph(weights: E5Weights) -> bytes:
    """The graph: `embedded` (1, tokens, width) in, the mean over the tokens `vector` (1, width) out."""
    width = weights.shape.width
    graph = _Graph(weights)
    thirds = graph.constant("thirds", np.full(3, width, np.int64))
    inputs = ["embedded", graph.array("emb.ln.w"), graph.array("emb.ln.b")]
    hidden = graph.node("LayerNormalization", inputs, "start", _OURS, epsilon=_EPSILON)
    for layer in range(weights.shape.layers):
        hidden = _add_layer(graph, f"l{layer}.", hidden, thirds)
    graph.node("ReduceMean", [hidden], "vector", _OURS, axes=[1], keepdims=0)
    given = helper.make_tensor_value_info("embedded", TensorProto.FLOAT, [1, "tokens", width])
    made = helper.make_tensor_value_info("vector", TensorProto.FLOAT, [1, width])
    whole = helper.make_graph(graph.nodes, "multilingual-e5-small", [given], [made], graph.constants)
    versions = [helper.make_opsetid(_OURS, 17), helper.make_opsetid(_THEIRS, 1)]
    return helper.make_model(whole, opset_imports=versions, ir_version=8).SerializeToString()


def _add_layer(graph: _Graph, layer: str, hidden: str, thirds: str) -> str:
    """Attention, then the two inner products, each added to what came in and normalised."""
    width, inner = graph.weights.shape.width, graph.weights.shape.inner
    parts = [f"{layer}{part}" for part in "qkv"]
    together = graph.product(hidden, [f"{part}.w" for part in parts], width, width, f"{layer}qkv")
    graph.nodes.append(helper.make_node("Split", [together, thirds], parts, f"{layer}split", axis=-1))
    biases = graph.array(*(f"{part}.b" for part in parts))
    seen = graph.node("MultiHeadAttention", [*parts, biases], f"{layer}seen", num_heads=graph.weights.shape.heads)
    seen = graph.product(seen, [f"{layer}ao.w"], width, width, f"{layer}ao")
    hidden = _add_and_normalise(graph, seen, hidden, f"{layer}aln", f"{layer}ao.b")
    wide = graph.product(hidden, [f"{layer}fi.w"], inner, width, f"{layer}fi")
    wide = graph.node("BiasGelu", [wide, graph.array(f"{layer}fi.b")], f"{layer}gelu")
    made = graph.product(wide, [f"{layer}fo.w"], width, inner, f"{layer}fo")
    return _add_and_normalise(graph, made, hidden, f"{layer}oln", f"{layer}fo.b")


def _add_and_normalise(graph: _Graph, made: str, hidden: str, norm: str, bias: str) -> str:
    inputs = [made, hidden, graph.array(f"{norm}.w"), graph.array(f"{norm}.b"), graph.array(bias)]
    return graph.node("SkipLayerNormalization", inputs, norm, epsilon=_EPSILON)
