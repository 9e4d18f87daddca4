"""DistanceCheck: a message unlike every training sentence is out of scope, however sure the classifier is.

A classifier must choose among what it knows; asked about something else it is often wrong and sure.
So it also says how near the nearest training sentence is. Far from all of them, or with a confidence
that means a guess, the intent becomes `out_of_scope`; the ranking stays, so that the dialogue can
still offer the nearest topics.
"""

from typing import Any, Dict, List, Type

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import ENTITIES
from rasa.shared.nlu.training_data.message import Message

from components.classifier import NEAREST, KernelClassifier

OUT_OF_SCOPE = "out_of_scope"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class DistanceCheck(GraphComponent, IntentClassifier):
    """Turns an intent into `out_of_scope` where the message is far from every example."""

    @classmethod
    def required_components(cls) -> List[Type]:
        """The classifier that measures the distance; the lexicon must stand before this component too."""
        return [KernelClassifier]

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """Least cosine of the nearest example, and least confidence of a message that names no service."""
        return {"nearest": 0.3, "confidence": 0.12}

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "DistanceCheck":
        """A check with these limits."""
        return cls({**cls.get_default_config(), **config})

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        """Nothing to check beyond the defaults."""

    def __init__(self, config: Dict[str, Any]) -> None:
        """Keeps the limits."""
        self._config = config

    def process(self, messages: List[Message]) -> List[Message]:
        """Checks each message. One that names a service is near the field, however unsure its intent."""
        for message in messages:
            intent, cosine = message.get("intent"), message.get(NEAREST)
            if intent["name"] == OUT_OF_SCOPE:
                continue
            guessed = intent["confidence"] < self._config["confidence"] and not _names_service(message)
            if cosine < self._config["nearest"] or guessed:
                doubt = {"name": OUT_OF_SCOPE, "confidence": 1.0 - min(max(cosine, 0.0), 1.0)}
                message.set("intent", doubt, add_to_output=True)
        return messages


def _names_service(message: Message) -> bool:
    return any(entity["entity"] == "service" for entity in message.get(ENTITIES, []))
