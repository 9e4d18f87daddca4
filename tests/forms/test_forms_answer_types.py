"""Every answer type: what people write on the left, what is stored or said to be wrong on the right."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms.answer_types import ERROR_KEYS, TYPES, AnswerError, fits, input_kind, read, read_choice, show
from forms.form import Option, Question
from forms.texts import clean

TODAY = date(2026, 3, 1)


def question(answer_type: str, **more: object) -> Question:
    return Question("svar", answer_type, {"sv": "Svar", "en": "Answer"}, {"sv": "Vad?", "en": "What?"}, **more)


def option(value: str, swedish: str, english: str, *words: str) -> Option:
    return Option(value, {"sv": swedish, "en": english}, words)


ASSIGNMENTS = (
    option("barn", "Kontaktperson för barn", "Contact person for children"),
    option("vuxen", "Kontaktperson för vuxna", "Contact person for adults", "pensionär"),
    option("familj", "Kontaktfamilj", "Contact family"),
    option("kvall", "Kväll och helg", "Evenings and weekends"),
    option("vet_inte", "Jag vet inte än", "I do not know yet"),
)
GATE = (option("nej", "Nej", "No"), option("ja", "Ja", "Yes"), option("kanske", "Ja, men bara ibland", "Yes, at times"))


def key_of(asked: Question, text: str, language: str = "sv") -> str:
    with pytest.raises(AnswerError) as caught:
        read(asked, text, language, TODAY)
    assert set(caught.value.params) == set(ERROR_KEYS[caught.value.key])
    assert str(caught.value) == caught.value.key
    return caught.value.key


def personnummer(birth: str, serial: int) -> str:
    """A number of the series that no person has, with the right last digit."""
    doubled = (int(digit) * (2 - position % 2) for position, digit in enumerate(f"{birth[2:]}{serial}"))
    return f"{birth}{serial}{-sum(value // 10 + value % 10 for value in doubled) % 10}"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2014-04-03", "2014-04-03"),
        ("2014/4/3", "2014-04-03"),
        ("20140403", "2014-04-03"),
        ("140403", "2014-04-03"),
        ("3/4-14", "2014-04-03"),
        ("3/4 -14", "2014-04-03"),
        ("3/4 2014", "2014-04-03"),
        ("3/4/2014", "2014-04-03"),
        ("3.4.2014", "2014-04-03"),
        ("03-04-2014", "2014-04-03"),
        ("3 april 2014", "2014-04-03"),
        ("3 APRIL 2014.", "2014-04-03"),
        ("den 3:e april 2014", "2014-04-03"),
        ("3 apr 14", "2014-04-03"),
        ("April 3, 2014", "2014-04-03"),
        ("april 3rd 2014", "2014-04-03"),
        ("the 3rd of April 2014", "2014-04-03"),
        ("Hon är född den 3 maj 2015", "2015-05-03"),
        ("1 oktober 2014", "2014-10-01"),
        ("29 februari 2016", "2016-02-29"),
    ],
)
@pytest.mark.parametrize("answer_type", ["date", "birth_date"])
def test_dates_are_read_as_people_write_them(answer_type: str, text: str, stored: str) -> None:
    assert read(question(answer_type), text, "sv", TODAY) == stored
    assert read(question(answer_type), text, "en", TODAY) == stored


@pytest.mark.parametrize(
    ("answer_type", "text", "key"),
    [
        ("date", "31 februari 2014", "answer.date.impossible"),
        ("date", "31/2 2014", "answer.date.impossible"),
        ("birth_date", "2014-02-31", "answer.date.impossible"),
        ("birth_date", "29 feb 2015", "answer.date.impossible"),
        ("date", "2014-13-01", "answer.date.invalid"),
        ("date", "i morgon", "answer.date.invalid"),
        ("date", "3 blomma 2014", "answer.date.invalid"),
        ("date", "9014-04-03", "answer.date.invalid"),
        ("date", "١/٢/٢٠١٤", "answer.date.invalid"),
        ("date", "3/4", "answer.date.no_year"),
        ("birth_date", "3 april", "answer.date.no_year"),
        ("birth_date", "april 3rd", "answer.date.no_year"),
        ("birth_date", "03-04-14", "answer.date.ambiguous"),
        ("birth_date", "3/4-27", "answer.date.ambiguous"),
        ("birth_date", "2026-03-02", "answer.birth_date.future"),
        ("birth_date", "3 april 2040", "answer.birth_date.future"),
        ("birth_date", "1905-12-31", "answer.birth_date.too_old"),
        ("birth_date", "0001-01-01", "answer.birth_date.too_old"),
    ],
)
def test_a_date_that_cannot_be_taken_says_why(answer_type: str, text: str, key: str) -> None:
    assert key_of(question(answer_type), text) == key


def test_an_impossible_date_is_named_in_the_language_of_the_resident() -> None:
    for language, named in (("sv", "31 februari 2014"), ("en", "31 February 2014")):
        with pytest.raises(AnswerError) as caught:
            read(question("date"), "31/2 2014", language, TODAY)
        assert caught.value.params == {"given": named}


def test_a_birth_date_of_today_and_one_120_years_back_are_taken() -> None:
    assert read(question("birth_date"), "2026-03-01", "sv", TODAY) == "2026-03-01"
    assert read(question("birth_date"), "1906-01-01", "sv", TODAY) == "1906-01-01"


@given(st.dates(date(1950, 1, 1), TODAY), st.sampled_from(["sv", "en"]))
def test_a_shown_birth_date_reads_back(born_on: date, language: str) -> None:
    asked = question("birth_date")
    stored = born_on.isoformat()
    assert read(asked, show(asked, stored, language), language, TODAY) == stored
    assert read(asked, f"{born_on.day}/{born_on.month} {born_on.year}", language, TODAY) == stored
    assert read(asked, f"{born_on:%y%m%d}", language, TODAY) == stored


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("070-174 06 05", "+46701740605"),
        ("0701740699", "+46701740699"),
        ("+46 70 174 06 33", "+46701740633"),
        ("+46 (0)70-174 06 05", "+46701740605"),
        ("0046701740605", "+46701740605"),
        ("070–174 06 05", "+46701740605"),
        ("mitt nummer är 070-174 06 05", "+46701740605"),
        ("٠٧٠١٧٤٠٦٠٥", "+46701740605"),
        ("0224-74 70 00", "+46224747000"),
        ("+358 40 123 4567", "+358401234567"),
    ],
)
def test_telephone_numbers_are_kept_in_international_form(text: str, stored: str) -> None:
    assert read(question("phone"), text, "sv", TODAY) == stored


@pytest.mark.parametrize("number", range(1740605, 1740700))
def test_every_number_of_the_fictitious_range_is_taken(number: int) -> None:
    assert read(question("phone"), f"070-{number}", "sv", TODAY) == f"+4670{number}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("112", "answer.phone.invalid"),
        ("12345", "answer.phone.invalid"),
        ("070-123", "answer.phone.invalid"),
        ("070-174 06 05 99", "answer.phone.invalid"),
        ("jag har ingen", "answer.phone.invalid"),
        ("ring 070-1740605 efter kl 17", "answer.phone.invalid"),
        ("08-123 456 78 ankn 12", "answer.phone.invalid"),
        ("1" * 5_000, "answer.phone.invalid"),
        ("070-1740605 eller 070-1740606", "answer.phone.several"),
    ],
)
def test_what_is_no_telephone_number_is_refused(text: str, key: str) -> None:
    assert key_of(question("phone"), text) == key


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("anna@example.com", "anna@example.com"),
        ("Anna.Berg@EXAMPLE.com", "Anna.Berg@example.com"),
        ("min mejl är anna@example.com.", "anna@example.com"),
        ("<mailto:anna@example.com>", "anna@example.com"),
    ],
)
def test_mail_addresses_are_found_and_normalised(text: str, stored: str) -> None:
    assert read(question("email"), text, "sv", TODAY) == stored


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("anna", "answer.email.invalid"),
        ("anna(at)example.com", "answer.email.invalid"),
        ("anna@example", "answer.email.invalid"),
        ("anna@@example.com", "answer.email.invalid"),
        ("anna@ example.com", "answer.email.invalid"),
        ("åsa@example.com", "answer.email.invalid"),
        ("a" * 300 + "@example.com", "answer.email.invalid"),
        ("<script>@example.com", "answer.email.invalid"),
        ("a@example.com b@example.com", "answer.email.several"),
    ],
)
def test_what_is_no_mail_address_is_refused(text: str, key: str) -> None:
    assert key_of(question("email"), text) == key


CHILD = personnummer("20140403", 981)
COORDINATION = personnummer("20140463", 982)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (CHILD, CHILD),
        (f"{CHILD[:8]}-{CHILD[8:]}", CHILD),
        (f"{CHILD[2:8]}-{CHILD[8:]}", CHILD),
        (f"{CHILD[2:8]} - {CHILD[8:]}", CHILD),
        (f"{CHILD[:8]}–{CHILD[8:]}", CHILD),
        (CHILD[2:], CHILD),
        (f"{CHILD[:4]} {CHILD[4:6]} {CHILD[6:8]} {CHILD[8:]}", CHILD),
        (COORDINATION, COORDINATION),
        (f"{COORDINATION[2:8]}-{COORDINATION[8:]}", COORDINATION),
        (f"140403+{CHILD[8:]}", "19" + CHILD[2:]),
    ],
)
def test_personnummer_are_kept_as_twelve_digits(text: str, stored: str) -> None:
    assert read(question("personnummer"), text, "sv", TODAY) == stored


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("abc", "answer.personnummer.invalid"),
        ("20140403-98A3", "answer.personnummer.invalid"),
        (CHILD.translate(str.maketrans("0123456789", "０１２３４５６７８９")), "answer.personnummer.invalid"),
        (CHILD.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")), "answer.personnummer.invalid"),
        (CHILD + "1", "answer.personnummer.invalid"),
        ("20140403", "answer.personnummer.incomplete"),
        ("12 juni 2016", "answer.personnummer.incomplete"),
        ("2015-04-12", "answer.personnummer.incomplete"),
        ("hon är född den 3 april 2014", "answer.personnummer.incomplete"),
        ("12 June 2016", "answer.personnummer.incomplete"),
        ("3/4", "answer.personnummer.incomplete"),
        ("31 februari 2014", "answer.personnummer.incomplete"),
        ("det vet jag inte", "answer.personnummer.invalid"),
        ("140403-98", "answer.personnummer.incomplete"),
        (CHILD[:-1] + str((int(CHILD[-1]) + 1) % 10), "answer.personnummer.wrong_digit"),
        (personnummer("20140231", 981), "answer.personnummer.wrong_digit"),
        (personnummer("20260302", 981), "answer.personnummer.future"),
    ],
)
def test_a_wrong_personnummer_says_why(text: str, key: str) -> None:
    assert key_of(question("personnummer"), text) == key


@given(st.dates(date(1930, 1, 1), TODAY), st.integers(980, 999), st.booleans(), st.booleans())
def test_every_personnummer_of_the_test_series_is_taken(
    born_on: date, serial: int, coordination: bool, century: bool
) -> None:
    birth = f"{born_on:%Y%m}{born_on.day + (60 if coordination else 0):02}"
    whole = personnummer(birth, serial)
    text = whole if century or born_on.year <= TODAY.year - 99 else whole[2:]
    assert read(question("personnummer"), text, "sv", TODAY) == whole


@pytest.mark.parametrize(
    ("text", "stored"), [("685 30", "68530"), ("68530", "68530"), ("SE-685 30", "68530"), ("s-685 30", "68530")]
)
def test_postcodes_are_five_digits(text: str, stored: str) -> None:
    assert read(question("postcode"), text, "sv", TODAY) == stored


@pytest.mark.parametrize("text", ["6853", "012 34", "685 300", "685 30 Torsby", "٦٨٥٣٠", "Torsby"])
def test_what_is_no_postcode_is_refused(text: str) -> None:
    assert key_of(question("postcode"), text) == "answer.postcode.invalid"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        *[(said, "5") for said in ("5", "femman", "går i femman", "går i årskurs 5", "åk5", "Åk. 5", "5:an", "5b")],
        *[
            (text, "5")
            for text in ("femte klass", "år 5", "klass 5", "grade 5", "5th grade", "fifth grade", "year five")
        ],
        ("Hon går i en fyra", "4"),
        ("ettan", "1"),
        ("min son börjar i 5 b på Slottsskolan till hösten", "5"),
        ("nian", "9"),
        ("förskoleklass", "0"),
        ("F-klass", "0"),
        ("gymnasiet, år 2", "11"),
        ("första året på gymnasiet", "10"),
    ],
)
def test_school_years_are_understood_in_words(text: str, stored: str) -> None:
    assert read(question("school_year"), text, "sv", TODAY) == stored


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("vet inte", "answer.school_year.invalid"),
        ("mellanstadiet", "answer.school_year.invalid"),
        ("12", "answer.school_year.invalid"),
        ("år 5 och år 6", "answer.school_year.invalid"),
        ("vi har två barn", "answer.school_year.invalid"),
        ("<script>alert(1)</script>", "answer.school_year.invalid"),
        ("11 år", "answer.school_year.age"),
        ("hon är 10 år gammal", "answer.school_year.age"),
        ("10-åring", "answer.school_year.age"),
        ("hon är 9", "answer.school_year.age"),
        ("he is 9.", "answer.school_year.age"),
    ],
)
def test_an_age_is_not_a_school_year(text: str, key: str) -> None:
    assert key_of(question("school_year"), text) == key


@pytest.mark.parametrize(("stored", "year"), [("0", 0), ("5", 5), ("9", 9), ("10", 10), ("12", 12)])
@pytest.mark.parametrize("language", ["sv", "en"])
def test_a_shown_school_year_reads_back(stored: str, year: int, language: str) -> None:
    asked = question("school_year")
    assert read(asked, show(asked, stored, language), language, TODAY) == stored


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        *[(said, True) for said in ("ja", "JA!", "Jadå", "japp", "ja gärna", "ja, det går bra", "det stämmer", "👍")],
        *[(said, True) for said in ("yes", "yes please", "yep", "of course", "ja det har vi", "jo", "y")],
        *[(said, False) for said in ("nej", "Nej tack", "nix", "nä", "no", "nope", "👎🏽", "nej, inte alls", "n")],
        ("nej det har jag inte", False),
    ],
)
def test_yes_and_no_in_many_words(text: str, stored: bool) -> None:
    assert read(question("yes_no"), text, "sv", TODAY) is stored


@pytest.mark.parametrize("text", ["kanske", "nej men min sambo har det", "ja fast inte nu", "vad menas?", "🙂", "13"])
def test_what_is_neither_yes_nor_no_is_asked_again(text: str) -> None:
    assert key_of(question("yes_no"), text) == "answer.yes_no.invalid"


@pytest.mark.parametrize(
    ("text", "language", "stored"),
    [
        ("Kontaktperson för barn", "sv", "barn"),
        ("kontaktperson FOR barn!", "sv", "barn"),
        ("contact person for adults", "sv", "vuxen"),
        ("Kontaktfamilj, tack", "sv", "familj"),
        ("jag vill helst vara pensionär", "sv", "vuxen"),
        ("kontaktperson för", "sv", "answer.choice.ambiguous"),
        ("jag vet", "sv", "answer.choice.unknown"),
        ("jag", "sv", "answer.choice.unknown"),
        ("ja", "sv", "answer.choice.unknown"),
        ("Japp!", "sv", "answer.choice.unknown"),
        ("nej tack", "sv", "answer.choice.unknown"),
        ("inte", "sv", "answer.choice.unknown"),
        ("pensionär", "en", "vuxen"),
        ("2", "sv", "vuxen"),
        ("nr 2.", "sv", "vuxen"),
        ("kontaktf", "sv", "answer.choice.unknown"),
        ("vuxna", "sv", "vuxen"),
        ("children", "en", "barn"),
        ("kväll och helg", "sv", "kvall"),
        ("vet_inte", "sv", "vet_inte"),
        ("kontaktperson", "sv", "answer.choice.ambiguous"),
        ("6", "sv", "answer.choice.unknown"),
        ("0", "sv", "answer.choice.unknown"),
        ("vad är kontaktfamilj?", "sv", "answer.choice.unknown"),
        ("banan", "sv", "answer.choice.unknown"),
        ("🙂", "sv", "answer.choice.unknown"),
        ("Kontaktfamilj" * 100, "sv", "answer.choice.unknown"),
    ],
)
def test_an_option_can_be_typed(text: str, language: str, stored: str | None) -> None:
    asked = question("choice", options=ASSIGNMENTS)
    if stored is None or stored.startswith("answer."):
        assert key_of(asked, text, language) == (stored or "answer.choice.unknown")
    else:
        assert read(asked, text, language, TODAY) == stored


PETS = (
    option("hund", "Hund", "Dog", "hundar", "valp"),
    option("katt", "Katt", "Cat", "katter", "djur inne"),
    option("inga", "Inga djur alls", "No animals", "inga djur"),
    option("tolk", "Tolk", "Interpreter"),
    option("teckentolk", "Tolk i teckenspråk", "Sign language interpreter"),
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("det är nog en hund", ["hund"]),
        ("vi har två KÄTTER hemma", ["katt"]),
        ("I have a dog at home", ["hund"]),
        ("jag har inte hund", []),
        ("jag har inte så många hundar", []),
        ("ingen hund", []),
        ("aldrig haft katt", []),
        ("we don't have a cat", []),
        ("inte hund utan katt", ["katt"]),
        ("utan hund", []),
        ("inte hund men katt", ["katt"]),
        ("nej, katt", ["katt"]),
        ("nej vi har en katt", ["katt"]),
        ("no cat", []),
        ("katt vill jag ha, hund inte", ["katt"]),
        ("inga djur", ["inga"]),
        ("jag vill ha tolk i teckenspråk", ["teckentolk"]),
        ("jag vill ha tolk på arabiska", ["tolk"]),
        ("hundratals saker", []),
        ("hur är det att ha hund", []),
        ("kan man ha hund", []),
        ("jag har väl hund?", []),
        ("avbryt, jag har hund", []),
        ("pappa slår min hund", []),
        ("hund eller katt", ["hund", "katt"]),
    ],
)
def test_a_sentence_means_the_options_it_names(text: str, meant: list[str]) -> None:
    one, several = question("choice", options=PETS), question("multi_choice", options=PETS)
    if len(meant) == 1:
        assert read(one, text, "sv", TODAY) == meant[0]
    else:
        assert key_of(one, text) == ("answer.choice.ambiguous" if meant else "answer.choice.unknown")
    if meant:
        assert read(several, text, "sv", TODAY) == meant
    else:
        assert key_of(several, text) == "answer.choices.unknown"


def test_an_ambiguous_option_names_what_it_may_mean() -> None:
    with pytest.raises(AnswerError) as caught:
        read(question("choice", options=ASSIGNMENTS), "contact person", "en", TODAY)
    assert caught.value.params == {"matches": "Contact person for children, Contact person for adults"}


@pytest.mark.parametrize(
    ("text", "stored"),
    [("nej", "nej"), ("nej tack", "nej"), ("Japp", "ja"), ("yes", "ja"), ("ja, men bara ibland", "kanske")],
)
def test_options_called_yes_and_no_take_the_words_for_them(text: str, stored: str) -> None:
    assert read(question("choice", options=GATE), text, "sv", TODAY) == stored


WITH_WORDS = (option("nej", "Nej", "No", "inte än"), option("ja", "Ja", "Yes", "arabiska"))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("nej, inte än", "nej"),
        ("ja arabiska", "ja"),
        ("vi talar arabiska", "ja"),
        ("nej, vi kan arabiska", None),
        ("ja, men inte än", None),
    ],
)
def test_a_yes_is_never_taken_for_a_no_nor_a_no_for_a_yes(text: str, stored: str | None) -> None:
    asked = question("choice", options=WITH_WORDS)
    if stored is None:
        assert key_of(asked, text) == "answer.choice.unknown"
    else:
        assert read(asked, text, "sv", TODAY) == stored


def test_a_no_with_a_but_never_passes_a_gate() -> None:
    assert key_of(question("choice", options=GATE), "nej men min sambo har det") == "answer.choice.unknown"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1 och 3", ["barn", "familj"]),
        ("3, 1", ["barn", "familj"]),
        ("3 1 3", ["barn", "familj"]),
        ("kontaktfamilj + vuxna", ["vuxen", "familj"]),
        ("kväll och helg", ["kvall"]),
        ("kontaktfamilj, kväll och helg", ["familj", "kvall"]),
        ("kontaktfamilj\nevenings and weekends", ["familj", "kvall"]),
    ],
)
def test_several_options_can_be_typed_and_are_kept_in_order(text: str, stored: list[str]) -> None:
    assert read(question("multi_choice", options=ASSIGNMENTS), text, "sv", TODAY) == stored


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("kontaktfamilj och banan", "answer.choices.too_few"),
        ("äpple och banan", "answer.choices.unknown"),
        ("kontaktfamilj, vuxna, vad kostar det?", "answer.choices.unknown"),
        ("kontaktfamilj, vuxna, pappa slår mig", "answer.choices.unknown"),
        ("kontaktfamilj, vuxna och 9", "answer.choices.unknown"),
        ("1, 9", "answer.choices.unknown"),
        ("1, kontaktperson", "answer.choice.ambiguous"),
        ("1", "answer.choices.too_few"),
        ("1, 2, 3, 4", "answer.choices.too_many"),
    ],
)
def test_several_options_that_cannot_be_taken_say_why(text: str, key: str) -> None:
    assert key_of(question("multi_choice", options=ASSIGNMENTS, minimum=2, maximum=3), text) == key


@pytest.mark.parametrize(
    ("answer_type", "options", "tapped", "stored"),
    [
        ("choice", ASSIGNMENTS, "familj", "familj"),
        ("multi_choice", ASSIGNMENTS, "familj", ["familj"]),
        ("yes_no", (), "ja", True),
        ("yes_no", (), "no", False),
    ],
)
def test_a_tapped_option_is_taken(answer_type: str, options: tuple[Option, ...], tapped: str, stored: object) -> None:
    assert read_choice(question(answer_type, options=options), tapped) == stored


@pytest.mark.parametrize("answer_type", TYPES)
def test_an_unknown_tapped_option_is_refused(answer_type: str) -> None:
    with pytest.raises(AnswerError, match=r"answer\.choice\.unknown"):
        read_choice(question(answer_type, options=ASSIGNMENTS), "banan")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Anna \t Berg ", "Anna Berg"),
        ("An\x00na\u200b B\u202eerg\ud800", "Anna Berg"),
        ("A\u030astorp", "Åstorp"),
        ("<b>hej</b>", "<b>hej</b>"),
        ("{{ 7*7 }} {% for %}", "{{ 7*7 }} {% for %}"),
        ("Robert'); DROP TABLE drafts;--", "Robert'); DROP TABLE drafts;--"),
        ("**fet** _kursiv_ [länk](x)", "**fet** _kursiv_ [länk](x)"),
        ("rad ett\nrad två", "rad ett rad två"),
        ("familj 👨\u200d👩\u200d👧", "familj 👨\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("A\u200dnna\u200d", "Anna"),
    ],
)
def test_text_is_cleaned_and_nothing_else(typed: str, kept: str) -> None:
    assert read(question("text"), typed, "sv", TODAY) == kept


def test_a_long_text_keeps_its_lines() -> None:
    assert read(question("long_text"), "ett \r\n\r\n\r\n\r\n två\x85tre", "sv", TODAY) == "ett\n\ntvå\ntre"


@pytest.mark.parametrize(("answer_type", "longest"), [("text", 200), ("long_text", 4_000)])
def test_a_text_has_a_longest_length(answer_type: str, longest: int) -> None:
    assert read(question(answer_type), "å" * longest, "sv", TODAY) == "å" * longest
    with pytest.raises(AnswerError) as caught:
        read(question(answer_type), "å" * (longest + 1), "sv", TODAY)
    assert (caught.value.key, caught.value.params) == (
        "answer.text.too_long",
        {"maximum": longest, "length": longest + 1},
    )


@pytest.mark.parametrize("answer_type", TYPES)
def test_an_enormous_message_is_refused_before_it_is_read(answer_type: str) -> None:
    assert key_of(question(answer_type, options=ASSIGNMENTS), "1\u0301" * 10_001) == "answer.text.too_long"


@pytest.mark.parametrize(
    ("text", "key"),
    [("🙂🙂", "answer.text.no_letters"), ("...", "answer.text.no_letters"), ("ab", "answer.text.too_short")],
)
def test_a_text_must_say_something(text: str, key: str) -> None:
    assert key_of(question("text", minimum=3), text) == key


@pytest.mark.parametrize("answer_type", TYPES)
@pytest.mark.parametrize("text", ["", "   ", "\n", "\x00\ud800\u200b\u202e"])
def test_nothing_is_nothing_in_every_type(answer_type: str, text: str) -> None:
    assert key_of(question(answer_type, options=ASSIGNMENTS), text) == "answer.empty"


HOSTILE = st.text(st.characters(codec=None, exclude_categories=()), max_size=60) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "' OR 1=1 --",
        "{{7*7}}",
        "a" * 100_000,
        "1" * 100_000,
        "(" * 1_000,
        "\u202e\x00",
        "١٢٣",
    ]
)


@given(st.sampled_from(TYPES), HOSTILE, st.sampled_from(["sv", "en", "xx"]))
def test_whatever_is_typed_is_a_clean_value_or_an_answer_error(answer_type: str, text: str, language: str) -> None:
    asked = question(answer_type, options=ASSIGNMENTS)
    try:
        value = read(asked, text, language, TODAY)
    except AnswerError:
        return
    assert fits(asked, value)
    for kept in value if isinstance(value, list) else [value]:
        if isinstance(kept, str):
            kept.encode("utf-8")
            assert not any(unicodedata.category(one) in ("Cc", "Cs") and one != "\n" for one in kept)
    assert show(asked, value, language)


@given(HOSTILE, st.booleans())
def test_cleaning_twice_changes_nothing(text: str, lines: bool) -> None:
    once = clean(text, lines=lines)
    assert clean(once, lines=lines) == once
    assert unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize(
    ("answer_type", "stored", "swedish", "english"),
    [
        ("text", "Anna", "Anna", "Anna"),
        ("choice", "familj", "Kontaktfamilj", "Contact family"),
        (
            "multi_choice",
            ["barn", "familj"],
            "Kontaktperson för barn, Kontaktfamilj",
            "Contact person for children, Contact family",
        ),
        ("yes_no", True, "Ja", "Yes"),
        ("yes_no", False, "Nej", "No"),
        ("date", "2014-04-03", "3 april 2014", "3 April 2014"),
        ("phone", "+46701740605", "070-174 06 05", "070-174 06 05"),
        ("phone", "+358401234567", "+358 40 1234567", "+358 40 1234567"),
        ("personnummer", CHILD, f"20140403-{CHILD[8:]}", f"20140403-{CHILD[8:]}"),
        ("postcode", "68530", "685 30", "685 30"),
        ("school_year", "5", "5", "5"),
        ("school_year", "11", "gymnasiet, år 2", "upper secondary school, year 2"),
        ("phone", None, "Inget svar", "No answer"),
    ],
)
def test_answers_are_shown_in_words(answer_type: str, stored: object, swedish: str, english: str) -> None:
    asked = question(answer_type, options=ASSIGNMENTS)
    assert show(asked, stored, "sv") == swedish
    assert show(asked, stored, "en") == english
    assert show(asked, stored, "fi") == swedish


@pytest.mark.parametrize(
    ("answer_type", "damaged"),
    [
        ("choice", "borttaget"),
        ("multi_choice", []),
        ("multi_choice", ["familj", "barn"]),
        ("multi_choice", [{}]),
        ("yes_no", "ja"),
        ("date", "2014-02-31"),
        ("phone", "070-1740605"),
        ("personnummer", "20140403"),
        ("postcode", "685 30"),
        ("school_year", "13"),
        ("text", ""),
        ("text", 5),
    ],
)
def test_a_value_of_another_shape_does_not_fit(answer_type: str, damaged: object) -> None:
    assert not fits(question(answer_type, options=ASSIGNMENTS), damaged)


def test_every_type_names_a_kind_of_input() -> None:
    kinds = {answer_type: input_kind(question(answer_type)) for answer_type in TYPES}
    assert set(kinds.values()) == {"text", "multiline", "choice", "choices", "date", "tel", "email", "numeric"}


def test_an_answer_error_must_be_in_the_table() -> None:
    with pytest.raises(ValueError, match="ERROR_KEYS"):
        AnswerError("answer.made_up")
    with pytest.raises(ValueError, match="ERROR_KEYS"):
        AnswerError("answer.text.too_long", maximum=3)
