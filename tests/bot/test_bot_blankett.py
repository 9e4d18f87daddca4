"""The blankett: what is on the paper, what no answer can do to it, who may have it, and the signed one sent in."""

import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from handing_over import ANSWERS, KURATOR, HandingOver
from pypdf import PdfReader

from bot.baton.blankett import make_blankett
from bot.dialogue import Dialogue
from bot.wording import load_wordings
from forms.form import Form
from storage.database import Database

WORDINGS = load_wordings()
NAMES = ("Elsa", "Påhittad", "Kim", "Kurator")


@pytest.fixture
def family(dialogue_alone: Dialogue, database: Database) -> HandingOver:
    return HandingOver(dialogue_alone, database)


@pytest.fixture
def form(forms: dict[str, Form]) -> Form:
    return forms["ansokan_kontaktgrupp"]


def made(form: Form, answers: dict[str, Any], language: str = "sv") -> PdfReader:
    family = {"skyddade_uppgifter": "nej", "vem_fyller_i": "yrkesperson", "arende": "hjalpa_familjen"}
    on = HandingOver.now.date()
    pdf = make_blankett(form, {**family, **answers}, WORDINGS[language], "Sala kommun", on)
    return PdfReader(io.BytesIO(pdf))


def text_of(reader: PdfReader) -> str:
    """All that is on the pages but their feet, with one space between words."""
    pages = (
        re.sub(r"Ansökan till kontaktgrupp Sida \d+ \(\d+\)\s*$", "", page.extract_text()) for page in reader.pages
    )
    return " ".join(" ".join(pages).split())


def test_filled_in_so_far_with_room_for_the_rest(form: Form) -> None:
    reader = made(form, {"barnets_namn": "Elsa Påhittad", "arskurs": "5", "behov": None, "skola": None})
    text = text_of(reader)
    for said in ("Ansökan till kontaktgrupp", "Sala kommun", "Vad heter barnet?", "Elsa Påhittad", "Vilken skola"):
        assert said in text
    assert "Är ofta ensam" in text  # an option to tick
    assert text.count("Underskrift") == 3 and text.count("Datum") == 2  # a heading, and a place for each of two
    assert "Berätta om oro för ett barn" not in text
    assert [float(side) for side in reader.pages[0].mediabox[2:]] == pytest.approx([595.28, 841.89], abs=0.1)


@pytest.mark.parametrize(("language", "words"), [("sv", "Underskrift"), ("en", "Signature")])
def test_in_both_languages(form: Form, language: str, words: str) -> None:
    reader = made(form, {"barnets_namn": "Elsa"}, language)
    assert words in text_of(reader)
    assert reader.trailer["/Root"]["/Lang"] == language


def test_it_is_tagged_and_names_nobody_outside_its_text(form: Form) -> None:
    reader = made(form, {"barnets_namn": "Elsa Påhittad", "namn": "Kim Kurator"})
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    told = json.dumps(dict(reader.metadata or {}), default=str)
    assert set(reader.metadata or {}) <= {"/Title", "/Creator"}
    assert reader.xmp_metadata is not None
    packet = reader.xmp_metadata.stream.get_data().decode()
    assert "pdfuaid" in packet
    for name in (*NAMES, "CreateDate", "dc:creator"):
        assert name not in told and name not in packet


HOSTILE = [
    '#import "@preview/cetz:0.3.0"',
    '#read("/etc/passwd") #panic() #{ while true {} }',
    "] } ) $ x^2 $ *fet* _kursiv_ = rubrik - lista + 1. / term: `kod` ```kod```",
    "// kommentar /* öppen \\ \" ' <etikett> @ref ~ -- --- ...",
    "https://example.com/?a=b&c=d#e",
    "{{ 7*7 }} ${x} %s {0} \\u{41} \\n",
    "Rad ett\nRad två\n\nRad fyra",
    "ord" * 1300,
    "a" * 4000,
    "Ett långt svar. " * 240,
]


@pytest.mark.parametrize("answer", HOSTILE)
def test_an_answer_is_never_markup(form: Form, answer: str) -> None:
    reader = made(form, {"barnets_namn": "Elsa", "behov_egna_ord": answer})
    squeezed = "".join(text_of(reader).replace("\u200b", "").split())
    assert "".join(answer.split()) in squeezed
    assert "Underskrift" in text_of(reader)


@pytest.mark.parametrize("answer", ["日本語で書きます", "😀 👨‍👩‍👧", "a\u0000b\u0007c", "\u202eomvänt", "\ufffd"])
def test_signs_that_no_font_has_do_not_stop_it(form: Form, answer: str) -> None:
    reader = made(form, {"barnets_namn": "Elsa", "behov_egna_ord": answer})
    assert "Vad heter barnet?" in text_of(reader)


@pytest.mark.parametrize("answer", ["سلام كيف حالك", "Привет", "Ελληνικά", "Łukasz Żółć", "Çağrı Şahin"])
def test_other_scripts_are_printed(form: Form, answer: str) -> None:
    reader = made(form, {"barnets_namn": answer})
    assert WORDINGS["sv"]("blankett.missing_characters") not in text_of(reader)


# --- who may have it, and what comes back ---------------------------------------------------------------------------


def draft_token(family: HandingOver, who: str) -> str:
    opened = family.desk.busy(who, family.now)
    assert opened is not None
    return opened.token


def test_only_the_conversation_that_has_it_open(family: HandingOver) -> None:
    family.fill_in()
    said = family.tap(KURATOR, "Skriv ut som blankett")
    token = draft_token(family, KURATOR)
    assert f"https://chatt.example.com/blankett/{token}" in said
    pdf = family.desk.blankett(KURATOR, token, family.now)
    assert pdf is not None and "Elsa Påhittad" in text_of(PdfReader(io.BytesIO(pdf)))
    assert family.desk.blankett("främling", token, family.now) is None
    assert family.desk.blankett(KURATOR, "ABCDEFGHJK", family.now) is None


def test_not_for_a_form_that_is_not_filled_in_at_work(family: HandingOver) -> None:
    family.fill_in("mamma", ANSWERS | {"vem_fyller_i": "Barnets vårdnadshavare", "telefon": "070-174 06 12"})
    assert "Skriv ut som blankett" not in family.buttons("mamma")
    assert family.desk.blankett("mamma", draft_token(family, "mamma"), family.now) is None


def test_a_signed_paper_is_sent_in_as_such(family: HandingOver) -> None:
    family.fill_in()
    family.tap(KURATOR, "Skriv ut som blankett")
    family.now += timedelta(days=3)
    assert "Vilken dag" in family.tap(KURATOR, "Registrera undertecknad blankett")
    assert "har kommit in" in family.say(KURATOR, "22 november 2026")
    sent = family.sent_by(KURATOR)
    assert sent.signed_on_paper
    assert sent.answers["undertecknad"] == "2026-11-22"
    assert sent.answers["barnets_namn"] == "Elsa Påhittad"
    assert sent.given["undertecknad"] == {"by": "yrkesperson", "at": family.now.isoformat()}


@pytest.mark.parametrize(
    ("typed", "said"),
    [("i övermorgon kanske", "datum"), ("30 februari 2026", "finns inte"), ("24 december 2026", "än")],
)
def test_a_day_that_cannot_be_is_asked_again(family: HandingOver, typed: str, said: str) -> None:
    family.fill_in()
    family.tap(KURATOR, "Skriv ut som blankett")
    family.tap(KURATOR, "Registrera undertecknad blankett")
    assert said in family.say(KURATOR, typed)
    assert family.last[KURATOR].submission is None
    assert "har kommit in" in family.say(KURATOR, "2026-11-19")


def test_no_paper_is_registered_twice(family: HandingOver) -> None:
    family.fill_in()
    family.tap(KURATOR, "Skriv ut som blankett")
    family.tap(KURATOR, "Registrera undertecknad blankett")
    family.say(KURATOR, "2026-11-19")
    reference = family.sent_by(KURATOR).summary.reference
    assert reference in family.tap(KURATOR, "Registrera undertecknad blankett")
