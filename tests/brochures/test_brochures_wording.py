"""How the answers are written: plain, complete in both languages, and never promising what nobody has promised."""

import re

import pytest

from brochures.brochure import LANGUAGES, Texts
from brochures.lookup import Library
from brochures.readability import lix

HARDEST = 40
LABEL_LENGTH = 40

FORBIDDEN = [
    # what must not be said, and a sentence that would say it
    (r"\b(har|er|din|ditt|dina|med) rätt\b|\brätt till\b|\bberättigad", "Du har rätt till en kontaktperson."),
    (r"\b(entitled|the right|a right) to\b", "You have the right to a contact person."),
    (r"alltid frivillig|always voluntary", "Det är alltid frivilligt."),
    (r"(bara|endast|enbart) (en |din |dina )?vårdnadshavare", "Bara vårdnadshavare kan ansöka."),
    (r"only (a |your |the )?(guardian|parent)", "Only guardians can apply."),
    (r"\bbåda\b[^.]*\b(måste|behöver|ska)\b[^.]*(samtyck|godkänn|säga ja)", "Båda måste samtycka till stödet."),
    (r"both (parents|guardians)? ?must|must both", "Both parents must agree."),
    (r"måste (ha|få) (vårdnadshavarens|föräldrarnas)", "Du måste ha vårdnadshavarens samtycke."),
    (r"kontaktar (dina|din|barnets) (föräldr|vårdnads|mamma|pappa)", "Vi kontaktar dina föräldrar."),
    (r"\b(we|they) (will )?(contact|call|tell) your (parent|guardian|mother|father)", "We contact your parents."),
    (r"§|\bparagraf|\bkap\.|\d+ kapitlet|\b(SoL|LVU|OSL)\b", "Enligt 3 kap. 6 § SoL."),
    (r"\d[\d ]*(kr\b|kronor|SEK)|\bkronor\b|\bSEK\b", "Arvodet är 4 000 kr i månaden."),
    (r"\binom (\w+ )?(dag|dygn|veck|månad)", "Du får svar inom två veckor."),
    (r"\bwithin \w+ (day|week|month)|handläggningstid|processing time", "You get an answer within two weeks."),
    (r"garanter|guarante|\bvi lovar|\bwe promise|utlova", "Vi garanterar att du får stöd."),
    (r"du (kommer att )?få[r]? (alltid|säkert) (en|ett|stöd)|you will (get|receive)", "Du får säkert en plats."),
    (r"(när som helst )?radera|delete your", "Du kan när som helst radera din ansökan."),
    (r"telegram|krypterad|anonym(t)? här", "Telegram är säkert."),
    (r"(?<![”\"])över 15|(?<!\")over 15", "Ungdomar över 15 år kan ansöka."),
    (r"ansök\w*( \w+)? om umgänge|apply for (a )?visit support", "Så ansöker du om umgängesstöd."),
    (r"förvaltningen garanterar|öppettider|\bklockan \d|\bkl\. ?\d|opening hours", "Öppettider: klockan 8 till 16."),
    (r"cookie|\bLyssna\b på sidan|personuppgiftsombud", "Vi använder cookies."),
]


def texts_for_people(library: Library) -> list[str]:
    texts = [text for answer in library.answers.values() for text in (answer.text, answer.easy) if text]
    for words in library.vocabulary.topics.values():
        for named in (words.label, words.question, *words.by_service.values()):
            texts += list(named.values())
    for line in library.emergency(None):
        texts += [*line.name.values(), *line.when.values()]
    return texts + [text for service in library.vocabulary.services.values() for text in service.values()]


@pytest.mark.parametrize(("pattern", "example"), FORBIDDEN)
def test_a_forbidden_claim_is_recognised_and_stands_nowhere(library: Library, pattern: str, example: str) -> None:
    assert re.search(pattern, example, re.IGNORECASE), "the pattern no longer finds what it is for"
    assert [text for text in texts_for_people(library) if re.search(pattern, text, re.IGNORECASE)] == []


def test_every_swedish_answer_is_easy_to_read(library: Library) -> None:
    hard = [
        f"{lix(answer.text):.1f} {answer.service}/{answer.topic}"
        for answer in library.answers.values()
        if answer.language == "sv" and lix(answer.text) > HARDEST
    ]
    assert hard == []


def test_every_swedish_text_about_an_emergency_line_is_easy_to_read(library: Library) -> None:
    assert [line.id for line in library.emergency(None) if lix(line.when["sv"]) > HARDEST] == []


def test_every_answer_is_two_to_five_sentences(library: Library) -> None:
    for answer in library.answers.values():
        sentences = [part for part in re.split(r"[.!?]+(?=\s|$)", answer.text) if part.strip()]
        assert 2 <= len(sentences) <= 5, answer.text


def test_no_answer_says_yes_or_no_to_a_question_it_cannot_see(library: Library) -> None:
    verdict = re.compile(r"^(ja|jo|nej|yes|no)\b|[.!?] (ja|jo|nej|yes|no)[,.:!]", re.IGNORECASE)
    for example in ("Ja, du får betalt.", "No, not always.", "Nej.", "Det är olika. Ja, i Sala får du betalt."):
        assert verdict.search(example)
    texts = [text for answer in library.answers.values() for text in (answer.text, answer.easy or "")]
    assert [text for text in texts if verdict.search(text)] == []


UNKNOWN = {
    # what an answer on a topic must say, so that silence is not taken for a yes
    ("requirements", "sv"): r"Om ålder, (eget rum, )?bil eller körkort står det inget\. Fråga kommunen\.$",
    ("requirements", "en"): r"Nothing is said about age, (own room, )?car or driving licence\. Ask the municipality\.$",
    ("matching", "sv"): r"Om den som får stödet kan välja står inte i det jag har läst\. Säg till socialtjänsten",
    ("matching", "en"): r"Whether the person who gets the support can choose is not said in what I have read\. Tell",
}


@pytest.mark.parametrize(("topic", "language"), UNKNOWN)
def test_what_the_brochures_do_not_say_is_said_to_be_unknown(library: Library, topic: str, language: str) -> None:
    sentence = UNKNOWN[topic, language]
    texts = [answer.text for answer in library.answers.values() if (answer.topic, answer.language) == (topic, language)]
    assert len(texts) >= 3
    assert [text for text in texts if not re.search(sentence, text)] == []


def test_whoever_names_some_that_sala_supports_names_them_all(library: Library) -> None:
    groups = {
        "sv": ("familjer", "ensam med barn", "unga ", "missbruk"),
        "en": ("families", "alone with children", "young people", "substance use"),
    }
    checked = 0
    for answer in library.answers.values():
        if answer.topic == "adults":
            checked += 1
            assert [group for group in groups[answer.language] if group not in answer.text] == [], answer.text
            assert ("andra skäl" if answer.language == "sv" else "other reasons") in answer.text
    assert checked == 6


def test_every_answer_is_written_in_both_languages(library: Library) -> None:
    for topic, service, municipality, _ in library.answers:
        written = {library.answers[topic, service, municipality, language].text for language in LANGUAGES}
        assert len(written) == len(LANGUAGES), f"{service}/{topic}: the same text in both languages"


def test_no_officialese(library: Library) -> None:
    heavy = r"\b(samt|erhåll\w+|avseende|rörande|beträffande|vederbörande|inkom\w+|föreligg\w+|huruvida|utgår)\b"
    swedish = [answer.text for answer in library.answers.values() if answer.language == "sv"]
    assert [text for text in swedish if re.search(heavy, text, re.IGNORECASE)] == []


def test_no_word_stands_twice_in_a_row(library: Library) -> None:
    assert [text for text in texts_for_people(library) if re.search(r"\b([^\W\d]+) \1\b", text, re.IGNORECASE)] == []


def test_every_question_fits_on_a_button(library: Library) -> None:
    for topic, words in library.vocabulary.topics.items():
        for named in (words.question, *words.by_service.values()):
            for label in named.values():
                assert len(label) <= LABEL_LENGTH, f"{topic}: {label}"


def test_every_service_and_topic_is_named_in_both_languages(library: Library) -> None:
    named: list[Texts] = [*library.vocabulary.services.values()]
    named += [words.label for words in library.vocabulary.topics.values()]
    for texts in named:
        assert set(texts) == set(LANGUAGES)
        assert all(texts.values())


def test_the_questions_under_an_answer_are_few_and_can_be_told_apart(library: Library) -> None:
    for answer in library.answers.values():
        labels = [library.question_label(*pair, answer.language) for pair in answer.related]
        assert 2 <= len(labels) <= 4, f"{answer.service}/{answer.topic}"
        assert len(set(labels)) == len(labels), f"{answer.service}/{answer.topic}: {labels}"


def test_a_question_about_another_service_says_which(library: Library) -> None:
    for answer in library.answers.values():
        for topic, service in answer.related:
            if service != answer.service:
                assert service in library.vocabulary.topics[topic].by_service, f"{answer.service}: {service}/{topic}"
