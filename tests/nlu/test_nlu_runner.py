"""The order in which Rasa's graph is run, beside Rasa's own runner."""

from pathlib import Path
from typing import Any

import pytest
from rasa_programs import run

TEXTS = ["Vad kostar en kontaktperson i Sala?", "hej", "??", "Jag är så trött. Finns det någon hjälp? Tack på förhand!"]

BESIDE = """
import json, os, sys, tempfile
from pathlib import Path
real = os.dup(1); os.dup2(2, 1)
from rasa.core.channels.channel import UserMessage
from rasa.engine.constants import PLACEHOLDER_MESSAGE, PLACEHOLDER_TRACKER
from rasa.engine.loader import load_predict_graph_runner
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from runner import OrderedGraphRunner

archive, texts = json.load(sys.stdin)
result = []
for kind in (DaskGraphRunner, OrderedGraphRunner):
    with tempfile.TemporaryDirectory() as place:
        metadata, runner = load_predict_graph_runner(Path(place), Path(archive), LocalModelStorage, kind)
        target = metadata.nlu_target
        for together in ([texts], [[text] for text in texts]):
            answers = []
            for some in together:
                inputs = {PLACEHOLDER_MESSAGE: [UserMessage(text) for text in some], PLACEHOLDER_TRACKER: None}
                answers += runner.run(inputs=inputs, targets=[target])[target]
            result.append([message.as_dict(only_output_properties=True) for message in answers])
with os.fdopen(real, "w") as out:
    json.dump(result, out, default=str)
"""


@pytest.fixture(scope="module")
def results(nlu_model: Path) -> Any:
    """What Rasa's runner makes of TEXTS, together and one by one, then the same of ours."""
    return run(BESIDE, [str(nlu_model), TEXTS])


def test_it_understands_what_rasas_own_runner_understands(results: Any) -> None:
    together, alone, ours_together, ours_alone = results
    assert ours_together == together
    assert ours_alone == alone
    assert [len(result) for result in results] == [len(TEXTS)] * 4
    assert together[0]["intent"]["name"] == "ask_cost"


ORDER = """
import json, sys
sys.stdin.read()
from runner import OrderedGraphRunner

ran = []

class Node:
    def __init__(self, name, fails=False):
        self.name, self.fails = name, fails

    def __call__(self, *given):
        if self.fails:
            raise ValueError(self.name)
        ran.append(self.name)
        return self.name, [self.name, *(value for _, value in given)]

needs = {"last": ["left", "right"], "left": ["first"], "right": ["first", "given"], "first": ["given"], "unasked": []}
runner = OrderedGraphRunner({name: Node(name, name == "unasked") for name in needs}, needs)
outputs = [runner.run({"given": 1}, ["last"]), runner.run({"given": 2}, ["right", "last"])]
try:
    runner.run({"given": 3}, ["unasked"])
except ValueError as error:
    outputs.append(str(error))
json.dump([outputs, ran], sys.stdout)
"""


def test_each_node_that_is_needed_runs_once_after_those_it_needs() -> None:
    outputs, ran = run(ORDER, None)
    assert outputs == [
        {"last": ["last", ["left", ["first", 1]], ["right", ["first", 1], 1]]},
        {
            "right": ["right", ["first", 2], 2],
            "last": ["last", ["left", ["first", 2]], ["right", ["first", 2], 2]],
        },
        "unasked",
    ]
    assert ran == ["first", "left", "right", "last", "first", "right", "left", "last"]
