"""DistanceCheck: a message unlike every training sentence is out of scope, however sure the classifier is.

A classifier must choose among what it knows; asked about something else it is often wrong and sure.
So the message's vector is held against those of the training sentences. Far from all of them, or
with a confidence that means a guess, the intent becomes `out_of_scope`; the ranking stays, so that
the dialogue can still offer the nearest topics.
"""

from typing import Any, Dict, List, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import ENTITIES
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from components.classifier import dense_rows

OUT_OF_SCOPE = "out_of_scope"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class DistanceCheck(GraphComponent, IntentClassifier):
    """Turns an intent into `out_of_scope` where the message is far from every example."""

    @classmethod
    def required_components(cls) -> List[Type]:
        """The dense featurizer; classifier and lexicon must stand before this component too."""
        return [Featurizer]

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """`dense`: alias of the dense featurizer; the two limits, both from 0 to 1."""
        return {"dense": "embedding", "nearest": 0.3, "confidence": 0.12}

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "DistanceCheck":
        """A check without examples, before training."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "DistanceCheck":
        """The check with the examples' vectors."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as directory:
            component._examples = np.load(directory / "examples.npy", allow_pickle=False).astype(np.float32)
        return component

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        """Nothing to check beyond the defaults."""

    def __init__(self, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        """Holds the configuration; the examples come by training or loading."""
        self._config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self._examples = np.zeros((0, 0), np.float32)

    def train(self, training_data: TrainingData) -> Resource:
        """Keeps the vectors of all training sentences (half precision: 0.8 kB each)."""
        vectors = dense_rows(training_data.intent_examples, self._config["dense"])
        with self._model_storage.write_to(self._resource) as directory:
            np.save(directory / "examples.npy", vectors.astype(np.float16), allow_pickle=False)
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Checks each message. One that names a service is near the field, however unsure its intent."""
        nearest = (dense_rows(messages, self._config["dense"]) @ self._examples.T).max(axis=1)
        for message, similarity in zip(messages, nearest, strict=True):
            intent = message.get("intent")
            if intent["name"] == OUT_OF_SCOPE:
                continue
            far = similarity < self._config["nearest"]
            guessed = intent["confidence"] < self._config["confidence"] and not _names_service(message)
            if far or guessed:
                message.set(
                    "intent",
                    {"name": OUT_OF_SCOPE, "confidence": 1.0 - max(float(similarity), 0.0)},
                    add_to_output=True,
                )
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Training sentences need no check."""
        return training_data


def _names_service(message: Message) -> bool:
    return any(entity["entity"] == "service" for entity in message.get(ENTITIES, []))
