"""Our own components one by one, on a few sentences, in the interpreter they are made for."""

from typing import Any

import pytest
from rasa_programs import run

# Calls functions by name: [[module, function, arguments], …] in, their results out.
CALLS = """
import importlib, json, sys
results = []
for module, function, arguments in json.load(sys.stdin):
    results.append(getattr(importlib.import_module(f"components.{module}"), function)(*arguments))
json.dump(results, sys.stdout)
"""


WITHOUT_COURTESIES = [
    ("Hej, jag undrar vad det kostar", "vad det kostar"),
    ("Hejsan! Jag skulle vilja veta hur man ansöker. Tack på förhand!", "hur man ansöker."),
    ("God dag, jag undrar om ni kan berätta var man träffas? Mvh Anna", "var man träffas?"),
    ("ursäkta att jag stör men hur ofta ses man", "hur ofta ses man"),
    ("Hello, I was wondering how long it takes. Thanks in advance", "how long it takes."),
    ("Vad kostar det?", "Vad kostar det?"),
    ("hej", "hej"),
    ("tack så mycket för hjälpen", "tack så mycket för hjälpen"),
    ("Hej, hur mår du?", "hur mår du?"),
    ("hejdå och tack", "hejdå och tack"),
    ("hiphop är kul för min son", "hiphop är kul för min son"),
    ("", ""),
]

LAST_REQUESTS = [
    ("Min son är ensam. Hur får man en kontaktperson? Han är elva.", "Hur får man en kontaktperson?"),
    ("Min son är ensam. Jag vill gärna att någon ringer mig.", "Jag vill gärna att någon ringer mig."),
    ("Han tog en kniv i natt. Vad ska jag göra?", None),
    ("Hur får man en kontaktperson i Sala?", None),
    ("Hej. Hej.", None),
    ("", None),
    ("؟ ؟ ؟", None),
]

DISTANCES = [
    ("kontakt", "kontakt", 0.0),
    ("kontekt", "kontakt", 0.5),
    ("konttakt", "kontakt", 0.5),
    ("kontkat", "kontakt", 1.0),
    ("kontat", "kontakt", 1.0),
    ("", "ab", 2.0),
]

LONG = "a" * 300 + "b" * 100_000 + " slutet"
CLEANED = [
    ("  hej \n\t på  dig ", "hej på dig"),
    ("a\u0308", "ä"),
    ("ko\u00adntakt\u200bperson\ud800", "kontaktperson"),
    ("", ""),
]


def test_courtesies_are_left_out_where_more_is_said() -> None:
    given = [["gist", "without_courtesies", [text]] for text, _ in WITHOUT_COURTESIES]
    assert run(CALLS, given) == [bare for _, bare in WITHOUT_COURTESIES]


def test_the_last_request_of_a_story_is_found_unless_it_leans_on_the_rest() -> None:
    given = [["gist", "last_request", [text]] for text, _ in LAST_REQUESTS]
    assert run(CALLS, given) == [request for _, request in LAST_REQUESTS]


def test_misspellings_cost_what_people_find_small_or_large() -> None:
    given = [["spelling", "spelling_distance", [written, meant, 9.0]] for written, meant, _ in DISTANCES]
    assert run(CALLS, given) == [cost for _, _, cost in DISTANCES]


def test_text_is_cleaned_and_cut_with_its_end_kept() -> None:
    *cleaned, cut = run(CALLS, [["text", "clean", [text]] for text in (*(text for text, _ in CLEANED), LONG)])
    assert cleaned == [text for _, text in CLEANED]
    assert len(cut) == 1000
    assert cut.startswith("a" * 300 + " … b")
    assert cut.endswith("b slutet")


REWRITING = """
import json, sys
from components.lexicon import shared_lexicon
from components.rewriting import Rewriter, learn_words
sentences, texts = json.load(sys.stdin)
learned = learn_words(sentences)
rewriter = Rewriter(json.loads(json.dumps(learned)), shared_lexicon())
found = shared_lexicon().search("kontaktfamilj i Sala")
found.clear()
again = [entity.value for entity in shared_lexicon().search("KONTAKTFAMILJ i Sala")]
json.dump([[rewriter.rewrite(text) for text in texts], [Rewriter({}, shared_lexicon()).rewrite("Hej på er")], again],
          sys.stdout)
"""
KNOWN = [
    *[("sv", "hur ansöker man om kontaktperson för en ungdom")] * 3,
    *[("sv", "vad behöver jag betala för maten")] * 3,
    ("sv", "maten är dyr"),
    ("en", "how does the application work"),
    ("fi", "mitä maksaa hakemus"),
]
REWRITTEN = [
    ("Hur ansoker man?", "hur ansöker man?"),
    ("vad behver jag betalla för maten", "vad behöver jag betala för maten"),
    ("hur ansökker man om kontakt famlij", "hur ansöker man om kontaktperson"),
    ("how does the aplication for work", "how does the aplication for work"),
    ("mitä maksaaa hakemus betalla", "mitä maksaaa hakemus betalla"),
    ("Hej, jag undrar vad maten kostar", "vad maten kostar"),
    ("", ""),
]


def test_the_embedding_is_given_right_spelling_and_one_name_for_services() -> None:
    rewritten, unlearned, searched_again = run(REWRITING, [KNOWN, [text for text, _ in REWRITTEN]])
    assert rewritten == [text for _, text in REWRITTEN]
    assert unlearned == ["hej på er"]
    assert searched_again == ["kontaktfamilj", "sala"]


BATCHING = """
import asyncio, json, sys
from batching import Batcher
calls = []
def understand(texts):
    calls.append(texts)
    return [{"text": text} for text in texts]
async def main():
    batcher = Batcher(understand)
    first = await asyncio.gather(*(batcher.understand(text) for text in ["a", "b", " a ", "a"]))
    again = await batcher.understand("a  ")
    empty = await batcher.understand(" \\u200b ")
    before = sum(map(len, calls))
    for number in range(2000):
        await batcher.understand(f"n{number}")
    await batcher.understand("b")
    return [first, again, empty["intent"]["name"], before, sum(map(len, calls)), max(map(len, calls))]
json.dump(asyncio.run(main()), sys.stdout)
"""


def test_the_same_text_is_understood_once_while_it_is_kept() -> None:
    first, again, empty, before, after, together = run(BATCHING, None)
    assert [answer["text"] for answer in first] == ["a", "b", "a", "a"]
    assert again == {"text": "a"}
    assert empty == "out_of_scope"
    assert before == 2
    assert after == 2 + 2000 + 1
    assert together <= 16


COMPONENTS = """
import json, os, sys, tempfile
from pathlib import Path
real = os.dup(1); os.dup2(2, 1)
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa.nlu.featurizers.sparse_featurizer.count_vectors_featurizer import CountVectorsFeaturizer
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from components.classifier import NEAREST, KernelClassifier, dense_rows, fit_ridge
from components.counts import SentenceCounts
from components.distance import DistanceCheck
from components.embedding import E5Featurizer
from components.extractor import LexiconExtractor
from components.likeness import Likeness, build_likeness

examples = json.load(sys.stdin)
context = ExecutionContext(GraphSchema({}), node_name="embedding")
config = {**E5Featurizer.get_default_config(), "alias": "embedding"}

def messages(texts):
    return [Message({"text": text}) for text in texts]

def trained(place):
    storage = LocalModelStorage(Path(place))
    data = TrainingData([
        Message({"text": text, "intent": intent, "metadata": {"intent": {"language": language}}})
        for intent, language, text in examples])
    featurizer = E5Featurizer.create(config, storage, Resource("embedding"), context)
    featurizer.train(data)
    featurizer.process_training_data(data)
    classifier = KernelClassifier.create({}, storage, Resource("classifier"), context)
    classifier.train(data)
    return storage, featurizer

def load(storage):
    return (E5Featurizer.load(config, storage, Resource("embedding"), context),
            KernelClassifier.load({}, storage, Resource("classifier"), context))

def rows(featurizer, texts):
    return dense_rows(featurizer.process(messages(texts)), "embedding")

result = {}
with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
    storage, fresh = trained(one)
    featurizer, classifier = load(storage)
    texts = [text for _, _, text in examples] + ["", "Det har varit en tung höst. Vad kostar det att vara med?"]
    together = rows(featurizer, texts)
    alone = np.concatenate([rows(featurizer, [text]) for text in texts])
    story, question = rows(featurizer, ["Det har varit en tung höst.", "Vad kostar det att vara med?"])
    plain = E5Featurizer.load({**config, "request_weight": 0.0}, storage, Resource("embedding"), context)
    unweighed = rows(plain, texts[-1:])[0]
    understood = classifier.process(featurizer.process(messages(texts)))
    storage_two, _ = trained(two)
    result = {
        "shape": together.shape,
        "lengths": np.linalg.norm(together, axis=1).round(4).tolist(),
        "alone": float(np.abs(together - alone).max()),
        "loaded": float(np.abs(together - rows(fresh, texts)).max()),
        "request": [float(together[-1] @ question), float(unweighed @ question)],
        "intents": [message.get("intent")["name"] for message in understood],
        "rankings": [[c["confidence"] for c in message.get("intent_ranking")] for message in understood],
        "nearest": [message.get(NEAREST) for message in understood],
        "same": [
            (Path(one, name).read_bytes() == Path(two, name).read_bytes())
            for name in ("embedding/words.json", "classifier/intents.json", "classifier/likeness.onnx")] + [
            all(np.array_equal(a[k], b[k]) for k in a.files)
            for name in ("embedding/centre.npz", "classifier/arrays.npz")
            for a, b in [(np.load(Path(one, name)), np.load(Path(two, name)))]],
    }

random = np.random.default_rng(1)
points = random.normal(size=(30, 5)).astype(np.float32)
likeness, wanted = points @ points.T + 1.0, np.eye(3, dtype=np.float32)[random.integers(0, 3, 30)]
distrust = random.uniform(0.5, 2.0, 30).astype(np.float32)
sample = np.arange(0, 30, 4)
shares, left_out = fit_ridge(likeness.copy(), wanted, distrust, sample)
result["fitted"] = float(np.abs((likeness + np.diag(distrust)) @ shares - wanted).max())
apart = []
for row, place in enumerate(sample):
    rest = np.arange(30) != place
    shares = np.linalg.solve(likeness[np.ix_(rest, rest)] + np.diag(distrust[rest]), wanted[rest])
    apart.append(float(np.abs(likeness[place, rest] @ shares - left_out[row]).max()))
result["left_out"] = max(apart)

def checked(name, confidence, cosine, entities):
    message = Message({"text": "x", "intent": {"name": name, "confidence": confidence}, "entities": entities})
    message.set(NEAREST, cosine)
    return DistanceCheck.create({}, None, None, None).process([message])[0].get("intent")

service = [{"entity": "service", "value": "kontaktgrupp"}]
result["checked"] = [checked("ask_cost", *given) for given in (
    (0.9, 0.8, []), (0.9, 0.2, []), (0.9, 0.2, service), (0.1, 0.8, []), (0.1, 0.8, service), (0.9, -0.5, []))]
units = random.normal(size=(400, 48)).astype(np.float32)
units /= np.linalg.norm(units, axis=1, keepdims=True)
alike = Likeness(build_likeness(units))
result["alike"] = float(np.abs(alike.cosines(units[:9]) - units[:9] @ units.T).max())
result["alike alone"] = bool((alike.cosines(units[3:4]) == alike.cosines(units[:9])[3]).all())

def counted(kind):
    # The sentence features of each text, by a featurizer that was trained and one that was loaded.
    settings = {**kind.get_default_config(), "alias": "words", "strip_accents": "unicode", "max_ngram": 2}
    tokenizer = WhitespaceTokenizer(WhitespaceTokenizer.get_default_config())
    data = TrainingData(tokenizer.process([Message({"text": text, "intent": name}) for name, _, text in examples]))
    with tempfile.TemporaryDirectory() as place:
        storage = LocalModelStorage(Path(place))
        kind.create(settings, storage, Resource("words"), context).train(data)
        loaded = kind.load(settings, storage, Resource("words"), context)
    texts = messages(["Vad kostar det, egentligen?", "", "aldrig sett", "är vi hemma hos någon"])
    rows = []
    for message in loaded.process(tokenizer.process(texts)):
        whole = [f for f in message.features if f.type == "sentence" and f.attribute == "text"]
        rows.append([f.features.toarray().tolist() for f in whole])
    return rows

result["counted"] = [counted(kind) for kind in (CountVectorsFeaturizer, SentenceCounts)]
extracted = LexiconExtractor.create({}, None, None, None).process(messages(["i Sala finns kontaktgrupp", ""]))
result["entities"] = [
    [[e["entity"], e["value"], e["start"], e["end"], e["extractor"]] for e in m.get("entities")] for m in extracted]
with os.fdopen(real, "w") as out:
    json.dump(result, out)
"""
EXAMPLES = [
    ("ask_cost", "sv", "vad kostar det"),
    ("ask_cost", "sv", "är det gratis"),
    ("ask_cost", "sv", "måste vi betala något"),
    ("ask_cost", "en", "how much does it cost"),
    ("ask_where", "sv", "var träffas man"),
    ("ask_where", "sv", "vilken plats ses vi på"),
    ("ask_where", "sv", "är det hemma hos någon"),
    ("ask_where", "en", "where do we meet"),
    ("greet", "sv", "hej"),
    ("greet", "sv", "god morgon"),
    ("greet", "en", "hello there"),
]


@pytest.fixture(scope="module")
def components() -> Any:
    """What the components made of EXAMPLES, of an empty text and of a story with a question at its end."""
    return run(COMPONENTS, EXAMPLES)


def test_a_vector_has_unit_length_whoever_else_is_asked_about(components: Any) -> None:
    assert components["shape"] == [len(EXAMPLES) + 2, 384]
    assert all(length == pytest.approx(1.0, abs=1e-3) for length in components["lengths"])
    assert components["alone"] < 1e-4
    assert components["loaded"] < 1e-6


def test_what_a_story_asks_for_weighs_more_than_the_story(components: Any) -> None:
    weighed, unweighed = components["request"]
    assert weighed > unweighed + 0.05


def test_the_classifier_knows_its_examples_and_ranks_all_intents(components: Any) -> None:
    assert components["intents"][: len(EXAMPLES)] == [intent for intent, _, _ in EXAMPLES]
    assert components["intents"][-1] == "ask_cost"
    for ranking in components["rankings"]:
        assert ranking == sorted(ranking, reverse=True)
        assert sum(ranking) == pytest.approx(1.0, abs=1e-4)
    assert all(cosine == pytest.approx(1.0, abs=1e-2) for cosine in components["nearest"][: len(EXAMPLES)])


def test_training_twice_gives_the_same_model(components: Any) -> None:
    assert components["same"] == [True] * 5


def test_whole_messages_are_counted_as_rasa_counts_them(components: Any) -> None:
    rasas, ours = components["counted"]
    assert ours == rasas
    assert [sum(row[0][0]) > 0 for row in ours] == [True, False, False, True]


def test_likeness_in_eight_bits_is_nearly_exact_and_the_same_whoever_else_is_asked_about(components: Any) -> None:
    assert components["alike"] < 0.01
    assert components["alike alone"]


def test_the_scores_of_a_sentence_left_out_are_exact(components: Any) -> None:
    assert components["fitted"] < 1e-3
    assert components["left_out"] < 1e-3


def test_what_is_far_from_every_example_is_out_of_scope(components: Any) -> None:
    kept = {"name": "ask_cost", "confidence": 0.9}
    near, far, far_service, unsure, unsure_service, opposite = components["checked"]
    assert near == kept
    assert far == far_service == {"name": "out_of_scope", "confidence": pytest.approx(0.8)}
    assert unsure == {"name": "out_of_scope", "confidence": pytest.approx(0.2)}
    assert unsure_service == {"name": "ask_cost", "confidence": 0.1}
    assert opposite == {"name": "out_of_scope", "confidence": 1.0}


def test_names_are_extracted_in_the_order_of_the_text(components: Any) -> None:
    assert components["entities"] == [
        [
            ["municipality", "sala", 2, 6, "LexiconExtractor"],
            ["service", "kontaktgrupp", 13, 25, "LexiconExtractor"],
        ],
        [],
    ]
