"""KernelClassifier: which intent, by likeness to all training sentences at once.

Kernel ridge regression on one-hot intents. The likeness of two messages is a weighed sum: a radial
kernel over their dense vectors (meaning) and the cosine of their word and character counts. Against Rasa's
LogisticRegressionClassifier it understands more, trains in seconds and, because the leave-one-out
scores of a ridge regression are exact and cheap, calibrates itself: the temperature that turns scores into
confidences is the one under which those scores are likeliest. Kept as plain arrays, JSON and a graph.
"""

import json
from typing import Any, Dict, Iterator, List, Optional, Tuple, Type

import numpy as np
import scipy.linalg.blas
import scipy.linalg.lapack
import scipy.sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.likeness import Likeness, build_likeness

NEAREST = "nearest_example"
"""Where a message carries the cosine (-1 to 1) of the training sentence most like it."""
_LIKENESS = "likeness.onnx"
_TEMPERATURES = np.geomspace(0.02, 0.5, 40)
_SAMPLE = 2000
"""Sentences at most that are left out in turn to find the temperature."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class KernelClassifier(IntentClassifier, GraphComponent):
    """Sets `intent` and `intent_ranking` (best first) on each message."""

    @classmethod
    def required_components(cls) -> List[Type]:
        """At least one featurizer."""
        return [Featurizer]

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """The weights and the two limits of the fit.

        `counts`: alias of a sparse featurizer -> weight; `dense`: alias of the dense featurizer, whose vectors
        have unit length; `dense_weight` and `width` of the radial kernel (larger is narrower); `ridge`: how
        little a single sentence is trusted; `balance`: 0 trusts all sentences alike, 1 all intents alike.
        """
        return {
            "counts": {},
            "dense": "embedding",
            "dense_weight": 3.0,
            "width": 1.0,
            "ridge": 0.1,
            "balance": 0.5,
            "ranking_length": 10,
        }

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "KernelClassifier":
        """An untrained classifier."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "KernelClassifier":
        """The trained classifier from its arrays."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as directory:
            described = json.loads((directory / "intents.json").read_text("utf-8"))
            component._likeness = Likeness((directory / _LIKENESS).read_bytes())
            with np.load(directory / "arrays.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name].astype(np.float32) for name in stored.files}
        component._intents, component._temperature = described["intents"], described["temperature"]
        component._shares = arrays.pop("shares")
        component._intercept = component._shares.sum(axis=0)
        component._weights = arrays
        return component

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        """Nothing to check beyond the defaults."""

    def __init__(self, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        """Holds the configuration; arrays come by training or loading."""
        self._config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self._intents: List[str] = []
        self._temperature = 1.0
        self._likeness: Optional[Likeness] = None
        self._shares = np.zeros((0, 0), np.float32)
        self._intercept = np.zeros(0, np.float32)
        self._weights: Dict[str, np.ndarray] = {}

    def train(self, training_data: TrainingData) -> Resource:
        """Fits, calibrates and writes the arrays. Needs about 5 bytes times the square of the sentences."""
        messages = [message for message in training_data.intent_examples if message.get(TEXT)]
        intents, of_intent = np.unique([message.get(INTENT) for message in messages], return_inverse=True)
        vectors = dense_rows(messages, self._config["dense"])
        counts = {alias: _count_rows(messages, alias) for alias in self._config["counts"]}
        likeness = vectors @ vectors.T
        for rows in _blocks(len(messages)):
            likeness[rows] = self._radial(likeness[rows]) + 1.0
            for alias, weight in self._config["counts"].items():
                likeness[rows] += weight * (counts[alias][rows] @ counts[alias].T).toarray()
        sizes = np.bincount(of_intent)[of_intent]
        distrust = self._config["ridge"] * (sizes / sizes.mean()) ** self._config["balance"]
        wanted = np.eye(len(intents), dtype=np.float32)[of_intent]
        sample = np.arange(0, len(messages), -(-len(messages) // _SAMPLE))
        shares, left_out = fit_ridge(likeness, wanted, distrust.astype(np.float32), sample)
        with self._model_storage.write_to(self._resource) as directory:
            described = {
                "intents": intents.tolist(),
                "temperature": _likeliest_temperature(left_out, of_intent[sample]),
            }
            (directory / "intents.json").write_text(json.dumps(described), "utf-8")
            weights = {alias: (rows.T @ shares) * self._config["counts"][alias] for alias, rows in counts.items()}
            (directory / _LIKENESS).write_bytes(build_likeness(vectors))
            np.savez_compressed(
                directory / "arrays.npz",
                shares=shares,
                **{alias: array.astype(np.float16) for alias, array in weights.items()},
            )
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Adds the most likely intent, the ranking and the cosine of the nearest example to each message."""
        assert self._likeness is not None
        cosines = self._likeness.cosines(dense_rows(messages, self._config["dense"]))
        scores = self._radial(cosines) @ self._shares + self._intercept
        for alias, weights in self._weights.items():
            for row, message in zip(scores, messages, strict=True):
                row += _count_scores(message, alias, weights)
        likelihoods = _softmax(scores / self._temperature)
        for message, likelihood, nearest in zip(messages, likelihoods, cosines.max(axis=1), strict=True):
            best = np.argsort(-likelihood, kind="stable")[: self._config["ranking_length"]]
            ranking = [{"name": self._intents[place], "confidence": float(likelihood[place])} for place in best]
            message.set("intent", ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
            message.set(NEAREST, float(nearest))
        return messages

    def _radial(self, cosines: np.ndarray) -> np.ndarray:
        """Weighed likeness of unit vectors whose cosines are given."""
        return self._config["dense_weight"] * np.exp(self._config["width"] * (cosines - 1.0))


def dense_rows(messages: List[Message], alias: str) -> np.ndarray:
    """The sentence vectors of one dense featurizer, shape (messages, dimensions)."""
    return np.concatenate([_features(message, alias) for message in messages]).astype(np.float32)


def _count_rows(messages: List[Message], alias: str) -> scipy.sparse.csr_matrix:
    """The counts of one sparse featurizer, each row of unit length; zeros where a message has none."""
    rows = [_features(message, alias) for message in messages]
    nothing = scipy.sparse.csr_matrix((1, max(row.shape[1] for row in rows if row is not None)), dtype=np.float32)
    matrix = scipy.sparse.vstack([nothing if row is None else row for row in rows], format="csr").astype(np.float32)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return scipy.sparse.diags(1.0 / np.maximum(lengths, 1e-9)).astype(np.float32) @ matrix


def _count_scores(message: Message, alias: str, weights: np.ndarray) -> np.ndarray:
    """What one message's counts, at unit length, say for each intent."""
    features = _features(message, alias)
    if features is None or features.nnz == 0:
        return np.zeros(weights.shape[1], np.float32)
    row = features.tocoo()
    counts = row.data.astype(np.float32)
    return (counts / np.sqrt(counts @ counts)) @ weights[row.col]


def _features(message: Message, alias: str) -> Any:
    for features in message.features:
        if features.origin == alias and features.type == FEATURE_TYPE_SENTENCE and features.attribute == TEXT:
            return features.features
    return None


def fit_ridge(
    likeness: np.ndarray, wanted: np.ndarray, distrust: np.ndarray, sample: np.ndarray
) -> Tuple[np.ndarray, np.ndarray]:
    """Ridge regression: each sentence's shares in the intents, and what some would have scored had they been left out.

    Shapes: likeness (n, n), symmetric, overwritten; wanted (n, intents); distrust (n); sample: places of sentences.
    Returns arrays of shape (n, intents) and (len(sample), intents).
    """
    likeness[np.diag_indices_from(likeness)] += distrust
    factor, failed = scipy.linalg.lapack.spotrf(likeness.T, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise ValueError("the likeness of the training sentences cannot be factored; raise `ridge`")
    shares, _ = scipy.linalg.lapack.spotrs(factor, wanted, lower=1)
    # Only the diagonal of the inverse is needed, and only at the sample: the squared lengths of columns of 1 / factor.
    columns = np.zeros((len(likeness), len(sample)), np.float32, order="F")
    columns[sample, np.arange(len(sample))] = 1.0
    columns = scipy.linalg.blas.strsm(1.0, factor, columns, lower=1, overwrite_b=1)
    inverse = np.einsum("ij,ij->j", columns, columns)
    return shares, wanted[sample] - shares[sample] / inverse[:, np.newaxis]


def _blocks(size: int) -> Iterator[slice]:
    """Slices that cover `size` rows, a thousand at a time."""
    return (slice(start, start + 1000) for start in range(0, size, 1000))


def _likeliest_temperature(scores: np.ndarray, of_intent: np.ndarray) -> float:
    rows = np.arange(len(of_intent))
    surprise = [-np.log(_softmax(scores / step)[rows, of_intent] + 1e-12).mean() for step in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(surprise))])


def _softmax(scores: np.ndarray) -> np.ndarray:
    likelihoods = np.exp(scores - scores.max(axis=1, keepdims=True))
    return likelihoods / likelihoods.sum(axis=1, keepdims=True)
