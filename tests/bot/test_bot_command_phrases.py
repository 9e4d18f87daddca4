"""Commands in many words, spelt as people spell; and what sounds alike but is an answer."""

import time

import pytest

from bot.command_phrases import MOST_CHARACTERS, changes_an_answer, read_command

SAID = {
    "who_reads": (
        "vem läser det här?", "vem ser mina svar", "Vem får läsa det jag skriver här?", "vem laser detta",
        "ser någon det här?", "vart går det här?", "vem lässer det här", "who reads this?", "who can see my answers",
        "does anyone read this?", "who will see what I write?",
    ),
    "questions_left": (
        "hur många frågor är det kvar?", "hur många är kvar", "hur mycket är det kvar?", "är det långt kvar?",
        "är jag snart klar", "hur mnga fråger är det kvar", "how many questions are left?", "how much is left",
        "am I almost done?", "how many more questions do I have to answer?",
    ),
    "save": (
        "spara", "spara och fortsätt sen", "jag vill spara och fortsätta senare", "kan jag fortsätta imorgon?",
        "jag fortsätter ikväll", "jag hinner inte nu", "sparra och fortsett sen", "save and continue later",
        "can I finish this later?", "I'll come back later", "I have to go now",
    ),
    "skip": ("hoppa över", "hopa över den här frågan", "nästa fråga tack", "skip this question please", "next"),
    "dont_know": ("vet inte", "jag vet faktiskt inte", "vet ej", "ingen aning", "I don't know", "no idea", "not sure"),
    "why": ("varför frågar ni?", "varför vill ni veta det?", "varfför frågar ni", "why do you need to know that?"),
    "back": ("tillbaka", "gå tillbaka ett steg", "förra frågan", "go back", "can I go back?"),
    "cancel": ("jag vill avbryta", "radera allt", "I changed my mind", "cancel this"),
    "restart": ("börja om från början", "kan jag börja om?", "start all over again"),
    "human": (
        "jag vill prata med en människa", "kan jag få prata med någon?", "jag vill prata med en meniska",
        "I want to talk to a human", "can I speak to a real person please",
    ),
    "about_bot": ("är du en robot", "är du en robot eller en människa?", "ar du en rabot", "are you a robot?"),
    "withdraw": ("dra tillbaka min ansökan", "jag vill ta tillbaka min anmälan", "withdraw my application"),
    "my_data": ("mina ansökningar", "visa mina uppgifter", "my applications", "show me my data"),
    "status": ("hur går det med ansökan", "har ni fått min ansökan?", "what is the status of my application?"),
    "copy": ("kopiera min förra ansökan", "copy my last application"),
}  # fmt: skip
ANSWERS = (
    "Sara Ek", "Mina", "Spara Sparsson", "Alva Fiktiv", "skolan", "hemma", "ja", "nej", "femman", "070-174 06 05",
    "alva@example.com", "Hon tycker om att bada och rita, men har svårt att komma in i leken.", "på tisdagar",
    "vardagar efter klockan tre", "engelska", "svenska", "byta skola", "han vill inte gå till skolan",
    "jag läser för henne varje kväll", "vi sparar till en resa", "en människa som lyssnar", "backar upp varandra",
    "mamma läser med honom", "Nästa Fiktiv", "jag orkar inte", "jag orkar inte mer", "två helger i månaden",
)  # fmt: skip
LANGUAGES = {
    "English please": "en",
    "can we speak English": "en",
    "kan vi prata engelska?": "en",
    "på engelska tack": "en",
    "jag förstår inte svenska": "en",
    "I don't understand Swedish": "en",
    "can we speek english": "en",
    "svenska tack": "sv",
    "in Swedish please": "sv",
    "I don't speak English": "sv",
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in SAID.items() for text in texts])
def test_many_ways_to_say_it(name: str, text: str) -> None:
    said = read_command(text)
    assert said is not None
    assert said.name == name


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_no_command(text: str) -> None:
    assert read_command(text) is None


@pytest.mark.parametrize(("text", "language"), LANGUAGES.items())
def test_the_language_that_is_wished_for(text: str, language: str) -> None:
    said = read_command(text)
    assert said is not None
    assert (said.name, said.detail) == ("language", language)


@pytest.mark.parametrize("text", ["ändra telefonnumret", "rätta barnets namn", "change my phone number"])
def test_a_wish_to_change_names_what(text: str) -> None:
    assert changes_an_answer(text)
    assert read_command(text) is None


@pytest.mark.parametrize("text", ["ändra", "jag ändrade skolan förra året och det gick bra", "changes at school"])
def test_no_wish_to_change(text: str) -> None:
    assert not changes_an_answer(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 4000,
        "hur många " * 400,
        "spara " * 600,
        "vem läser " * 12,
        "hur manga fragor ar det kvar kvar kvar kvar x",
    ],
)
def test_hostile_messages_are_read_quickly(text: str) -> None:
    read_command("vem läser det här")
    began = time.perf_counter()
    read_command(text)
    read_command(text[:MOST_CHARACTERS])
    assert time.perf_counter() - began < 0.1


NAMES = (
    "Mina", "Sara", "Karin", "Alva", "Love", "Max", "Stella", "Hope", "Will", "Mark", "Viktor", "Kim", "Alex", "Robin",
    "Vera", "Signe", "Nova", "Ask", "Pass",
)  # fmt: skip


def test_a_name_alone_is_no_command() -> None:
    assert [name for name in NAMES if read_command(name)] == []
