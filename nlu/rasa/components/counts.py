"""SentenceCounts: Rasa's counts of words and of parts of words, for whole messages alone.

Rasa counts them for every single word as well. Nothing here reads that, and it takes half the time.
"""

from typing import List

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.nlu.featurizers.sparse_featurizer.count_vectors_featurizer import CountVectorsFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SentenceCounts(CountVectorsFeaturizer):
    """Adds the counts of a message's text as one sparse row, the same as Rasa's for the whole sentence."""

    def process(self, messages: List[Message]) -> List[Message]:
        """Adds them to each message that has a word."""
        for message in messages:
            tokens = self._get_processed_message_tokens_by_attribute(message, TEXT)
            if tokens:
                counts = self.vectorizers[TEXT].transform([" ".join(tokens)])
                counts.sort_indices()
                message.add_features(
                    Features(counts.tocoo(), FEATURE_TYPE_SENTENCE, TEXT, self._config[FEATURIZER_CLASS_ALIAS])
                )
        return messages
