"""Which language a message is in: short chat sentences, and short words that must never switch."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.language import detect
from nlu.language_evaluation import FLOOR, HALVES, UNKNOWN, Message, measure, read_messages, table
from nlu.sentences import EvaluationError

SWEDISH_AND_ENGLISH = ("sv", "en")
ALL = ("sv", "en", "fi", "ar", "so", "uk", "fa", "pl", "es")

SWEDISH = """
hur ofta ses man
vad kostar det
vem bestämmer om vi får hjälp
kan jag söka själv
min son är ensam
jag är 14 år och vill ha någon att prata med
hur blir man kontaktfamilj
behöver jag betala skatt på arvodet
vad gör man i en kontaktgrupp
hur länge får man vänta
maste mamma saga ja
far man ta med hunden
va e de för nåt
ja vill int va me längre
kan ni ringa mig
vart vänder jag mig
jag vill prata med en människa
hej! jag undrar en sak
finns det plats i gruppen
är det gratis
min dotter har ingen att leka med på helgerna
vi bor trångt, får vi bli kontaktfamilj ändå
hur går det med min ansökan
tack för hjälpen
jag skrev fel nummer
kontaktperson för min pappa
när träffas gruppen
pratar ni med skolan
måste båda föräldrarna vara med
ta bort mina uppgifter
jag orkar inte mer
behöver hjälp med min tonåring
""".strip().splitlines()

ENGLISH = """
how often do we meet
what does it cost
who decides if we get help
can I apply myself
my son is lonely
I am 14 and want someone to talk to
how do I become a contact family
do I pay tax on it
what happens in a contact group
how long is the wait
does mum have to agree
can I bring my dog
what is it for
I don't want to be in it any more
can you call me
where do I turn
I want to talk to a person
hello, I have a question
is there room in the group
is it free of charge
my daughter has nobody to play with
we live in a small flat, can we still help
how is my application going
thank you for your help
I wrote the wrong number
contact family in Sala
a contact person for my dad
when does the group meet
do you talk to the school
do both parents have to be there
please delete my data
I can't take it any more
""".strip().splitlines()

OTHERS = [
    ("fi", "miten haen tukiperhettä lapselle"),
    ("fi", "kuinka usein tukihenkilöä tavataan"),
    ("fi", "mitä se maksaa meille"),
    ("ar", "كيف أقدم طلبا لابنتي"),
    ("ar", "كم مرة نلتقي في الأسبوع"),
    ("fa", "چطور برای پسرم درخواست کنم"),
    ("fa", "چقدر هزینه دارد؟"),
    ("so", "sidee ayaan u codsan karaa"),
    ("so", "waa maxay qoyska xiriirka"),
    ("uk", "як подати заяву на допомогу"),
    ("uk", "скільки це коштує для родини"),
    ("pl", "jak złożyć wniosek o pomoc"),
    ("pl", "ile kosztuje rodzina wspierająca"),
    ("es", "cómo puedo pedir ayuda para mi hijo"),
    ("es", "cuánto cuesta el grupo de contacto"),
]

NOT_OFFERED = [
    "miten haen tukiperhettä lapselle",
    "كيف أقدم طلبا لابنتي",
    "як подати заяву на допомогу",
    "jak złożyć wniosek o pomoc dla dziecka",
    "cómo puedo pedir ayuda para mi hijo",
    "如何申请联系家庭",
]

NEVER_SWITCHES = """
ja
nej
ok
okej
yes
no
tack
nej tack
hej
hello
hi
thanks
jo
mm
va
2
14
0701740605
19 820 617
Ali
Anna
Anna Svensson
anna svensson
Mohammed Ali Hassan
Fatima Noor Abdi
Åsa Öberg
Sala
Vingåker
Storgatan 5
Storgatan 5, 733 30 Sala
anna@example.com
https://www.example.com/help/the/page
👍
👍👍👍
😀 ok
?
!!!
...
asdf
kontaktperson
taxi
pizza
stop
start
sv
en
bye
super
cool
12 maj
2024-05-12
klass 5b
kontaktfamilj sala
kontaktperson för vuxna
kontaktperson för vuxna vingåker
särskilt kvalificerad kontaktperson
kontakt person
Per Olsson
Alla Petrova
Can Yilmaz
Will Smith
Ana de la Cruz
amina hassan warsame nur
Nya vägen 3
Lilla Nygatan 12, 733 30 Sala
محمد الحسن
Олена Коваль
كل شي
спасибо
gracias
mahadsanid
так
سلام
""".strip().splitlines()

NAMES = """
Ali Anna Fatima Mohamed Olena Тарас Олена محمد فاطمة Åsa Karl-Erik Wojciech María José Aino Väinö Abdullahi Hodan حسن
Per Bo Mina Alla Will Can Hope May Min Lindqvist Öberg Kowalczyk Shevchenko Коваль Warsame Korhonen García
""".strip().split()

SERVICE_WORDS = """
kontaktperson kontaktfamilj kontaktgrupp umgängesstödjare umgangesstod Sala Götene Vingåker Kramfors BankID soc LSS
""".strip().split()

COURTESIES = """
ja nej ok okej yes no tack hej hello thanks please sorry hej då 👍 😀 ?! ... jo mm
""".strip().split()

NUMBERS = """
2 14 7B 0701740605 2024-05-12 15.30 733 30
""".strip().split()

short_words = st.one_of(
    st.text(max_size=30).filter(lambda text: len(text.split()) < 2),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=20),
    st.sampled_from([word for words in (SWEDISH, ENGLISH, NAMES) for text in words for word in text.split()]),
    *(
        st.lists(st.sampled_from(words), min_size=1, max_size=4).map(" ".join)
        for words in (NAMES, SERVICE_WORDS + NUMBERS, COURTESIES + SERVICE_WORDS, NUMBERS + COURTESIES)
    ),
)


@pytest.mark.parametrize("text", SWEDISH)
@pytest.mark.parametrize("offered", [SWEDISH_AND_ENGLISH, ALL], ids=["two", "nine"])
def test_swedish_is_told(text: str, offered: tuple[str, ...]) -> None:
    assert detect(text, offered) == "sv"


@pytest.mark.parametrize("text", ENGLISH)
@pytest.mark.parametrize("offered", [SWEDISH_AND_ENGLISH, ALL], ids=["two", "nine"])
def test_english_is_told(text: str, offered: tuple[str, ...]) -> None:
    assert detect(text, offered) == "en"


@pytest.mark.parametrize(("language", "text"), OTHERS)
def test_other_offered_languages_are_told(language: str, text: str) -> None:
    assert detect(text, ALL) == language


@pytest.mark.parametrize("text", NOT_OFFERED)
def test_a_language_that_is_not_offered_is_not_taken_for_another(text: str) -> None:
    assert detect(text, SWEDISH_AND_ENGLISH) is None


@pytest.mark.parametrize("text", NEVER_SWITCHES)
@pytest.mark.parametrize("usual", ["sv", "en"])
@pytest.mark.parametrize("offered", [SWEDISH_AND_ENGLISH, ALL], ids=["two", "nine"])
def test_a_short_word_never_switches_a_conversation(text: str, usual: str, offered: tuple[str, ...]) -> None:
    assert detect(text, offered, usual) in (None, usual)


@given(text=short_words, usual=st.sampled_from(ALL), offered=st.permutations(ALL), left_out=st.integers(0, 7))
@settings(max_examples=400, deadline=None)
def test_no_short_word_ever_switches_whatever_the_conversation_speaks(
    text: str, usual: str, offered: list[str], left_out: int
) -> None:
    assert detect(text, (usual, *offered[left_out:]), usual) in (None, usual)


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud83d", "\u202e", "1" * 5000, "a" * 100_000, "ord " * 50_000])
def test_anything_is_taken(text: str) -> None:
    assert detect(text, ALL) in (None, *ALL)


def test_an_unmistakable_word_opens_a_conversation_but_does_not_turn_one() -> None:
    assert detect("hello", SWEDISH_AND_ENGLISH) == "en"
    assert detect("hello", SWEDISH_AND_ENGLISH, usual="sv") is None
    assert detect("مرحبا", SWEDISH_AND_ENGLISH) is None


def test_the_same_text_gives_the_same_answer() -> None:
    texts = SWEDISH + ENGLISH + [text for _, text in OTHERS] + NEVER_SWITCHES
    first = [detect(text, ALL, "sv") for text in texts]
    assert all([detect(text, ALL, "sv") for text in texts] == first for _ in range(3))


@pytest.mark.parametrize("usual", [None, "sv", "en", "ar", "pl"])
def test_short_messages_are_named_rightly(usual: str | None) -> None:
    named = measure(read_messages(), lambda text: detect(text, ALL, usual))
    assert named.total.value >= FLOOR, table(named)
    assert all(half.value >= 0.92 for half in named.halves.values()), table(named)
    assert all(share.value >= 0.85 for share in named.languages.values()), table(named)


def test_the_messages_are_enough_short_and_none_is_written_twice() -> None:
    messages = read_messages()
    counts = dict.fromkeys((*ALL, UNKNOWN), 0)
    for message in messages:
        counts[message.language] = counts.get(message.language, 0) + 1
        assert 1 <= len(message.text.split()) <= 12
    assert counts.pop(UNKNOWN) >= 45 and min(counts.values()) >= 30 and len(counts) >= 12 and len(messages) >= 420
    assert len({message.text for message in messages}) == len(messages)
    assert {message.half for message in messages} == set(HALVES)


def test_messages_of_languages_we_do_not_answer_in_are_to_be_given_no_name() -> None:
    expected = {message.language: message.expected for message in read_messages()}
    assert {language for language, named in expected.items() if named} == set(ALL)


def test_what_is_named_is_counted_and_what_is_misnamed_is_told() -> None:
    messages = [
        Message("hur söker man", "sv", "tuned", "sv"),
        Message("hvordan søker jeg", "no", "tuned", None),
        Message("ok", "unknown", "kept", None),
    ]
    named = measure(messages, {"hur söker man": "sv", "hvordan søker jeg": "sv", "ok": None}.get)
    assert (named.total.hits, named.total.total) == (2, 3)
    assert {half: share.hits for half, share in named.halves.items()} == {"tuned": 1, "kept": 1}
    assert [(miss.message.text, miss.got) for miss in named.misses] == [("hvordan søker jeg", "sv")]
    assert "hvordan søker jeg  | none (no) -> sv" in table(named)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("[1", "cannot be read"),
        ("- a", "needs languages"),
        ("sv: {tuned: a}", "sv needs `tuned:` and `kept:`"),
        ("no: {tuned: a, kept: b}", "False needs"),
        ("sv: {tuned: 1, kept: b}", "tuned of sv is not text"),
    ],
)
def test_a_file_of_messages_that_cannot_be_read_says_why(written: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "messages.yml"
    path.write_text(written, "utf-8")
    with pytest.raises(EvaluationError, match=f"messages.yml: .*{reason}"):
        read_messages(path)
