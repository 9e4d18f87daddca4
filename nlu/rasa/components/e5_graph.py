"""multilingual-e5-small as an ONNX graph, made from the weights when the model is trained.

Its products are in eight bits. A few places of the vectors that are multiplied are always much larger than the others
and would leave these too few steps, so every place is divided by a number of its own beforehand, by which its row of
the matrix is multiplied ("SmoothQuant", arXiv 2211.10438). Running the graph is left to `encoder`.
"""

from typing import Iterable, List, Mapping, Optional

import numpy as np
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper

from components.e5_weights import E5Weights
from components.eight_bits import eight_bits

_EPSILON = 1e-12
_OURS, _THEIRS = "", "com.microsoft"
_EVENED, _EVENED_INNER = 0.65, 0.8
"""How far large places are evened out: 0 not at all, 1 until all are alike. More for what comes out of the activation,
where one place can be fifty times as large as the others."""
_SMALLEST = 1e-5

Largest = Mapping[str, np.ndarray]
"""What a product is given, by its name in the graph -> the largest number at each place."""


class _Graph:
    """Nodes and constants while they are gathered. In float32 as long as nothing is known of the numbers."""

    def __init__(self, weights: E5Weights, largest: Optional[Largest]) -> None:
        self.weights = weights
        self.largest = largest
        self.multiplied: List[str] = []
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

    def product(self, given: str, names: List[str], rows: int, output: str, evened: float = _EVENED) -> str:
        """`given` times the matrices of these names, each for `rows` numbers, side by side."""
        self.multiplied.append(given)
        matrix = np.concatenate([self.weights.matrix(name, rows) for name in names]).T
        if self.largest is None:
            return self.node("MatMul", [given, self.constant(f"{output}.matrix", matrix)], output, _OURS)
        divisors = _divisors(self.largest[given], np.abs(matrix).max(axis=1), evened)
        smooth = self.constant(f"{output}.smooth", 1 / divisors)
        given = self.node("Mul", [given, smooth], f"{output}.given", _OURS)
        numbers, scales = eight_bits(matrix * divisors[:, np.newaxis])
        inputs = [given, self.constant(f"{output}.numbers", numbers), self.constant(f"{output}.scales", scales)]
        return self.node("DynamicQuantizeMatMul", inputs, output)

    def whole(self, made: List[str]) -> bytes:
        """All of it, with `embedded` as its input and these outputs."""
        width = self.weights.shape.width
        given = helper.make_tensor_value_info("embedded", TensorProto.FLOAT, [1, "tokens", width])
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in made]
        whole = helper.make_graph(self.nodes, "multilingual-e5-small", [given], outputs, self.constants)
        versions = [helper.make_opsetid(_OURS, 17), helper.make_opsetid(_THEIRS, 1)]
        return helper.make_model(whole, opset_imports=versions, ir_version=8).SerializeToString()


def build_graph(weights: E5Weights, largest: Largest) -> bytes:
    """The graph: `embedded` (1, tokens, width) in, the mean over the tokens `vector` (1, width) out."""
    graph = _Graph(weights, largest)
    graph.node("ReduceMean", [_add_layers(graph)], "vector", _OURS, axes=[1], keepdims=0)
    return graph.whole(["vector"])


def find_largest(weights: E5Weights, texts: Iterable[np.ndarray]) -> Largest:
    """What `build_graph` must know, from the model in float32 and some embedded texts, each (1, tokens, width)."""
    graph = _Graph(weights, None)
    _add_layers(graph)
    names = list(dict.fromkeys(graph.multiplied))
    session = onnxruntime.InferenceSession(graph.whole(names), providers=["CPUExecutionProvider"])
    largest = dict.fromkeys(names, np.float32(0))
    for embedded in texts:
        for name, numbers in zip(names, session.run(names, {"embedded": embedded}), strict=True):
            largest[name] = np.maximum(largest[name], np.abs(numbers[0]).max(axis=0))
    return largest


def _divisors(given: np.ndarray, multiplied: np.ndarray, evened: float) -> np.ndarray:
    """A number for each place, from the largest number given there and the largest it is multiplied by."""
    divisors = np.maximum(given, _SMALLEST) ** evened / np.maximum(multiplied, _SMALLEST) ** (1 - evened)
    return (divisors / np.exp(np.log(divisors).mean())).astype(np.float32)


def _add_layers(graph: _Graph) -> str:
    """The first normalisation and all layers; the name of what comes out."""
    width = graph.weights.shape.width
    thirds = graph.constant("thirds", np.full(3, width, np.int64))
    inputs = ["embedded", graph.array("emb.ln.w"), graph.array("emb.ln.b")]
    hidden = graph.node("LayerNormalization", inputs, "start", _OURS, epsilon=_EPSILON)
    for layer in range(graph.weights.shape.layers):
        hidden = _add_layer(graph, f"l{layer}.", hidden, thirds)
    return hidden


def _add_layer(graph: _Graph, layer: str, hidden: str, thirds: str) -> str:
    """Attention, then the two inner products, each added to what came in and normalised."""
    width, inner = graph.weights.shape.width, graph.weights.shape.inner
    parts = [f"{layer}{part}" for part in "qkv"]
    together = graph.product(hidden, [f"{part}.w" for part in parts], width, f"{layer}qkv")
    graph.nodes.append(helper.make_node("Split", [together, thirds], parts, f"{layer}split", axis=-1))
    biases = graph.array(*(f"{part}.b" for part in parts))
    seen = graph.node("MultiHeadAttention", [*parts, biases], f"{layer}seen", num_heads=graph.weights.shape.heads)
    seen = graph.product(seen, [f"{layer}ao.w"], width, f"{layer}ao")
    hidden = _add_and_normalise(graph, seen, hidden, f"{layer}aln", f"{layer}ao.b")
    wide = graph.product(hidden, [f"{layer}fi.w"], width, f"{layer}fi")
    wide = graph.node("BiasGelu", [wide, graph.array(f"{layer}fi.b")], f"{layer}gelu")
    made = graph.product(wide, [f"{layer}fo.w"], inner, f"{layer}fo", _EVENED_INNER)
    return _add_and_normalise(graph, made, hidden, f"{layer}oln", f"{layer}fo.b")


def _add_and_normalise(graph: _Graph, made: str, hidden: str, norm: str, bias: str) -> str:
    inputs = [made, hidden, graph.array(f"{norm}.w"), graph.array(f"{norm}.b"), graph.array(bias)]
    return graph.node("SkipLayerNormalization", inputs, norm, epsilon=_EPSILON)
