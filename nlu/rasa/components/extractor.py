"""LexiconExtractor: the entities `service`, `municipality`, `role` and `language` from the lexicon.

The matching itself is in `lexicon`; this is its place in Rasa's graph.
"""

from typing import Any, Dict, List

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from components.lexicon import Lexicon, shared_lexicon


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class LexiconExtractor(EntityExtractorMixin, GraphComponent):
    """Adds the lexicon's entities to each message, in the order of the text."""

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "LexiconExtractor":
        """An extractor over the project's lexicon."""
        return cls(shared_lexicon())

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        """Nothing to configure."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Keeps the lexicon."""
        self._lexicon = lexicon

    def process(self, messages: List[Message]) -> List[Message]:
        """Adds the entities."""
        for message in messages:
            found = [
                {"entity": entity.name, "value": entity.value, "start": entity.start, "end": entity.end}
                for entity in self._lexicon.search(message.get(TEXT) or "")
            ]
            message.set(ENTITIES, message.get(ENTITIES, []) + self.add_extractor_name(found), add_to_output=True)
        return messages
