"""The easy-read version of each Swedish answer: it is there, it is easy, and it says what the answer says."""

import re
from collections.abc import Iterator

import pytest

from brochures.brochure import Answer
from brochures.lookup import Library
from brochures.readability import lix

FEWEST_SENTENCES, MOST_SENTENCES = 2, 7
LONGEST_SENTENCE = 12
LONGEST_ON_AVERAGE = 9
HARDEST = 33

PLACES = ("Götene", "Kramfors", "Sala", "Vingåker")
HEAVY_SIGNS = re.compile(r"[();]|\b(t\.ex|bl\.a|m\.m|osv|dvs|etc)\b", re.IGNORECASE)

KEPT = (
    # what an answer must not lose when it is made easy: in the answer, and as it may be said in easy words
    (r"\bfyllt 12\b", r"\b12\b"),
    (r"\bfyllt 15\b", r"\b15\b"),
    (r"\binte sagt ja\b", r"\bja\b"),
    (r"\bstår (det )?(inte|inget)\b|\bstår inte\b|\bnämns ingen\b|\b[Jj]ag kan inte\b", r"\b(inte|inget|ingen)\b"),
    (r"\b[Ff]råga\b", r"\b([Ff]råga|[Pp]rata)\b"),
    (r"0224-74 70 00", r"0224-74 70 00.* 2023\b"),
    (r"\S+@\S+\.se\b", r"\S+@\S+\.se\b.* 2023\b"),
    (r"\bdomstol", r"\bdomstol"),
)


def faults(easy: str | None, text: str) -> Iterator[str]:
    """What is wrong with `easy` as the easy version of `text`, a few words each."""
    if not easy:
        yield "has no easy version"
        return
    sentences = re.split(r"(?<=[.!?])\s+", easy)
    lengths = [sum(1 for word in sentence.split() if re.search(r"\w", word)) for sentence in sentences]
    if not FEWEST_SENTENCES <= len(sentences) <= MOST_SENTENCES:
        yield f"sentences: {len(sentences)}"
    for sentence, length in zip(sentences, lengths, strict=True):
        if length > LONGEST_SENTENCE:
            yield f"{length} words in one sentence: {sentence}"
    if sum(lengths) > LONGEST_ON_AVERAGE * len(sentences):
        yield f"{sum(lengths) / len(sentences):.1f} words a sentence"
    if lix(easy) > HARDEST:
        yield f"LIX {lix(easy):.1f}"
    if HEAVY_SIGNS.search(easy):
        yield "brackets, a semicolon or an abbreviation"
    if new := _numbers(easy) - _numbers(text):
        yield f"numbers of its own: {', '.join(sorted(new))}"
    for place in PLACES:
        if (place in easy) != (place in text):
            yield f"{place} is named in one of them only"
    for said, kept in KEPT:
        if re.search(said, text) and not re.search(kept, easy):
            yield f"has lost {said}"
    if easy == text:
        yield "is the answer itself"


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+", text))


def _name(answer: Answer) -> str:
    return "/".join((answer.service, answer.topic, answer.municipality or "everywhere"))


def test_every_swedish_answer_has_an_easy_version_that_is_easy_and_says_the_same(library: Library) -> None:
    found = [
        f"{_name(answer)}: {fault}"
        for answer in library.answers.values()
        if answer.language == "sv"
        for fault in faults(answer.easy, answer.text)
    ]
    assert found == [], f"{len(found)} faults:\n" + "\n".join(found)


TEXT = "Unga som är 13 år kan få stöd i Kramfors. Om bil står det inget."
EASY = "Du kan få stöd i Kramfors från 13 år. Det står inget om bil."


@pytest.mark.parametrize(
    ("easy", "text", "expected"),
    [
        (EASY, TEXT, []),
        (None, TEXT, ["has no easy version"]),
        (TEXT, TEXT, ["is the answer itself"]),
        ("Från 13 år i Kramfors, inget om bil.", TEXT, ["sentences: 1"]),
        (EASY + " Bra." * 6, TEXT, ["sentences: 8"]),
        (
            "Ni ses nu. Du och jag ses här på en dag då vi har tid nu.",
            "Ni ses.",
            ["13 words in one sentence: Du och jag ses här på en dag då vi har tid nu."],
        ),
        ("Du och jag ses ute på en dag då vi kan. Du och jag är där på en dag.", "Ni ses.", ["9.5 words a sentence"]),
        ("Kommunens socialtjänst beslutar. Ni ses.", "Kommunen beslutar.", ["LIX 62.5"]),
        ("Ni ses (ute). Det är bra.", "Ni ses.", ["brackets, a semicolon or an abbreviation"]),
        ("Ni ses 4 dagar. Det är bra.", "Ni ses.", ["numbers of its own: 4"]),
        ("Ni ses i Sala. Det är bra.", "Ni ses.", ["Sala is named in one of them only"]),
        ("Ni ses ute. Det är bra.", "Ni ses i Sala.", ["Sala is named in one of them only"]),
        ("Du får stöd nu. Det är bra.", "Om bil står det inget.", [f"has lost {KEPT[3][0]}"]),
        ("Ring 0224-74 70 00. Ni ses nu.", "Ring 0224-74 70 00 (2023).", [f"has lost {KEPT[5][0]}"]),
    ],
)
def test_a_fault_is_found(easy: str | None, text: str, expected: list[str]) -> None:
    assert list(faults(easy, text)) == expected
