"""Which language a message is in: short chat sentences, and short words that must never switch."""

import pytest

from nlu.language import detect

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
kontaktfamilj sala
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
""".strip().splitlines()


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
