"""The loaded model as one function: texts in, what Rasa's graph understood out.

Goes straight to Rasa's graph, without its agent, tracker and log of messages, and gives it
several texts at once. Serving and caching are left to `server` and `batching`.
"""

from pathlib import Path
from typing import Any, Callable, Dict, List

from rasa.core.channels.channel import UserMessage
from rasa.engine.constants import PLACEHOLDER_MESSAGE, PLACEHOLDER_TRACKER
from rasa.engine.loader import load_predict_graph_runner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.shared.nlu.training_data.message import Message
from runner import OrderedGraphRunner

RANKING = 5


def load_model(archive: Path, work: Path) -> Callable[[List[str]], List[Dict[str, Any]]]:
    """Loads a model archive; `work` is an empty directory that may go once this has returned."""
    storage = work / "storage"
    storage.mkdir()
    metadata, runner = load_predict_graph_runner(storage, archive, LocalModelStorage, OrderedGraphRunner)

    def understand(texts: List[str]) -> List[Dict[str, Any]]:
        """One result per cleaned text, in order."""
        messages = [UserMessage(text, sender_id="nobody") for text in texts]
        target = metadata.nlu_target
        results = runner.run(inputs={PLACEHOLDER_MESSAGE: messages, PLACEHOLDER_TRACKER: None}, targets=[target])
        return [_result(message) for message in results[target]]

    return understand


def _result(message: Message) -> Dict[str, Any]:
    text = message.get("text") or ""
    intent = message.get("intent")
    return {
        "intent": _rounded(intent),
        "ranking": [_rounded(candidate) for candidate in message.get("intent_ranking")[:RANKING]],
        "entities": [
            {
                "name": entity["entity"],
                "value": entity["value"],
                "text": text[entity["start"] : entity["end"]],
                "start": entity["start"],
                "end": entity["end"],
            }
            for entity in message.get("entities", [])
        ],
    }


def _rounded(candidate: Dict[str, Any]) -> Dict[str, Any]:
    return {"name": candidate["name"], "confidence": round(float(candidate["confidence"]), 4)}
