"""The baton: from somebody at work to one or two guardians, and what comes of it for each of them and for the staff."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from handing_over import ANSWERS, FORM, KURATOR, HandingOver, links_in

from bot.baton.keeping import Marked, mark
from bot.baton.view import hidden_from
from bot.dialogue import Dialogue
from bot.scene import State
from storage import batons, submissions
from storage.batons import Baton, Link, LinkExpiredError, LinkLockedError, LinkUnknownError, WrongCodeError
from storage.conversations import find
from storage.database import Database

MOTHER, FATHER = "Karin Påhittad", "Amir Påhittad"


@pytest.fixture
def family(dialogue_alone: Dialogue, database: Database) -> HandingOver:
    return HandingOver(dialogue_alone, database)


def baton_of(family: HandingOver) -> Baton:
    """The baton of the kurator's conversation."""
    found = batons.find(family.database, tokens_of(family)[-1], family.now)
    assert found is not None
    return found


def tokens_of(family: HandingOver) -> tuple[str, ...]:
    return State.from_json(find(family.database, "web", KURATOR).state).batons


# --- handing over -------------------------------------------------------------------------------------------------


def test_only_somebody_at_work_hands_over(family: HandingOver) -> None:
    family.fill_in("mamma", ANSWERS | {"vem_fyller_i": "Barnets vårdnadshavare", "telefon": "070-174 06 12"})
    assert "Skicka in" in family.buttons("mamma")
    assert "Lämna över till vårdnadshavare" not in family.buttons("mamma")
    token = family.labels["mamma"]["Skicka in"].split(":")[1]
    assert "känner inte igen" in family.say("mamma", choice=f"d:{token}:hand_over:1")
    family.fill_in()
    assert {"Skicka in", "Lämna över till vårdnadshavare", "Skriv ut som blankett"} <= set(family.buttons(KURATOR))


def test_a_form_with_gaps_is_not_handed_over(family: HandingOver) -> None:
    family.say(KURATOR, choice=f"f:{FORM}", municipality="vingaker")
    family.tap(KURATOR, "Nej")
    family.tap(KURATOR, ANSWERS["vem_fyller_i"])
    token = family.labels[KURATOR]["Avbryt"].split(":")[1]
    assert "saknas" in family.say(KURATOR, choice=f"d:{token}:hand_over:2")
    assert tokens_of(family) == ()


def test_link_and_code_are_told_apart(family: HandingOver) -> None:
    family.fill_in()
    assert "14 dagar" in family.tap(KURATOR, "Lämna över till vårdnadshavare")
    family.tap(KURATOR, "Två vårdnadshavare")
    first, second = (reply.text for reply in family.last[KURATOR].replies[:2])
    pairs = links_in(first + second)
    assert len(pairs) == 2
    for link, code in pairs:
        assert link in first and link not in second
        assert f"{code[:3]} {code[3:]}" in second and f"{code[:3]} {code[3:]}" not in first
    assert family.last[KURATOR].draft is None


def test_what_is_handed_over_is_open_no_more(family: HandingOver) -> None:
    family.handed_over()
    for label in ("Skicka in", "Ändra ett svar", "En vårdnadshavare"):
        assert "är överlämnat" in family.tap(KURATOR, label)
    assert submissions.count(family.database) == 0


def test_a_second_tap_makes_no_second_baton(family: HandingOver) -> None:
    family.handed_over()
    family.tap(KURATOR, "En vårdnadshavare")
    assert len(tokens_of(family)) == 1


# --- one guardian ---------------------------------------------------------------------------------------------------


def test_the_guardian_reads_who_wrote_what_and_sends(family: HandingOver) -> None:
    (link,) = family.handed_over()
    assert "Vad heter du som är vårdnadshavare?" in family.open("mamma", link)
    summary = family.say("mamma", MOTHER)
    assert "Barnets namn: Elsa Påhittad (den som började, 2026-11-20)" in summary
    assert f"Godkänns av: {MOTHER} (du, 2026-11-20)" in summary
    assert "Om den som började:" in summary and "Kim Kurator" in summary
    receipt = family.tap("mamma", "Godkänn och skicka")
    assert "har kommit in till Vingåkers kommun" in receipt
    sent = family.sent_by("mamma")
    assert sent.answers["barnets_namn"] == "Elsa Påhittad"
    assert sent.answers["godkanns_av"] == MOTHER
    assert sent.given["barnets_namn"]["by"] == "yrkesperson"
    assert sent.given["godkanns_av"]["by"] == "vardnadshavare"
    assert sent.additions == ()
    assert (sent.summary.municipality, sent.summary.channel) == ("vingaker", "web")


def test_a_correction_carries_the_guardian_and_the_time(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    family.now += timedelta(days=1)
    family.tap("mamma", "Ändra ett svar")
    family.tap("mamma", "Skola")
    summary = family.say("mamma", "Nya skolan")
    assert "Skola: Nya skolan (du, 2026-11-21)" in summary
    family.tap("mamma", "Godkänn och skicka")
    sent = family.sent_by("mamma")
    assert sent.answers["skola"] == "Nya skolan"
    assert sent.given["skola"] == {"by": "vardnadshavare", "at": family.now.isoformat()}
    assert sent.given["arskurs"]["by"] == "yrkesperson"


def test_an_approval_is_of_what_was_read(family: HandingOver) -> None:
    """Not of what the other guardian has changed since, and not while a question is open."""
    mothers, fathers = family.handed_over(guardians=2)
    family.open("mamma", mothers, MOTHER)
    family.open("pappa", fathers, FATHER)
    family.tap("pappa", "Ändra ett svar")
    family.tap("pappa", "Skola")
    assert "en fråga är öppen" in family.tap("pappa", "Godkänn och skicka")
    family.say("pappa", "Nya skolan")
    shown = family.tap("mamma", "Godkänn och skicka")
    assert "Svaren har ändrats sedan" in shown and "Nya skolan" in shown
    assert submissions.count(family.database) == 0
    family.tap("mamma", "Godkänn och skicka")
    assert family.sent_by("mamma").answers["skola"] == "Nya skolan"


@pytest.mark.parametrize("way", ["börja om", "another form"])
def test_leaving_for_something_else_takes_nothing_from_the_baton(family: HandingOver, way: str) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    family.tap("mamma", "Ändra ett svar")
    family.tap("mamma", "Skola")
    family.say("mamma", "Nya skolan")
    if way == "börja om":
        said = family.say("mamma", "börja om")
        leave = "Ja"
    else:
        said = family.say("mamma", choice="f:kontakta_mig", municipality="vingaker")
        leave = "Stäng och börja på det nya"
    assert "Svaren finns kvar bakom länken till och med 20" in said and "Inget skickas" in said
    assert "radera" not in said.casefold() + " ".join(family.buttons("mamma")).casefold()
    family.tap("mamma", leave)
    draft = family.last["mamma"].draft
    assert draft is None or draft.form_id == "kontakta_mig"
    again = family.open("mammas dator", link, MOTHER)
    assert "Skola: Nya skolan" in again and "Elsa Påhittad" in again
    family.tap("mammas dator", "Godkänn och skicka")
    assert family.sent_by("mammas dator").answers["barnets_namn"] == "Elsa Påhittad"


def test_what_was_left_out_is_added(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    family.tap("mamma", "Ändra ett svar")
    family.tap("mamma", "Med egna ord")
    family.say("mamma", "Hon tycker om att bada.")
    family.tap("mamma", "Godkänn och skicka")
    sent = family.sent_by("mamma")
    assert sent.answers["behov_egna_ord"] == "Hon tycker om att bada."
    assert sent.given["behov_egna_ord"]["by"] == "vardnadshavare"


def test_nothing_is_sent_before_the_guardian_says_who_they_are(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link)
    token = family.labels["mamma"]["Avbryt"].split(":")[1]
    assert "saknas" in family.say("mamma", choice=f"d:{token}:approve")
    assert submissions.count(family.database) == 0


def test_a_second_tap_repeats_the_reference(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    family.tap("mamma", "Godkänn och skicka")
    reference = family.sent_by("mamma").summary.reference
    assert reference in family.tap("mamma", "Godkänn och skicka")
    assert submissions.count(family.database) == 1


def test_the_link_opened_again_after_approval_says_so(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    family.tap("mamma", "Godkänn och skicka")
    assert "redan godkänt" in family.open("mammas dator", link)
    assert family.last["mammas dator"].draft is None


@pytest.mark.parametrize(("reason", "seen"), [("Vi vill vänta.", True), (None, False)], ids=["told", "not told"])
def test_declining_sends_nothing(family: HandingOver, reason: str | None, seen: bool) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    assert "Du behöver inte" in family.tap("mamma", "Tacka nej")
    said = family.say("mamma", reason) if reason else family.tap("mamma", "Tacka nej utan att säga varför")
    assert "tackat nej" in said
    assert submissions.count(family.database) == 0
    states = family.say(KURATOR, "mina")
    assert "tackade nej 2026-11-20" in states
    assert ("Vi vill vänta." in states) == seen
    assert MOTHER not in states


def test_a_no_may_become_a_yes(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    family.tap("mamma", "Tacka nej")
    family.tap("mamma", "Tacka nej utan att säga varför")
    family.open("mamma", link)
    family.tap("mamma", "Godkänn och skicka")
    assert family.sent_by("mamma").answers["godkanns_av"] == MOTHER


def test_closing_keeps_what_was_corrected(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    family.tap("mamma", "Ändra ett svar")
    family.tap("mamma", "Skola")
    family.say("mamma", "Nya skolan")
    assert "2026-12-04" in family.tap("mamma", "Avbryt")
    assert "stängd" in family.tap("mamma", "Ja, stäng")
    assert family.last["mamma"].draft is None
    assert "Nya skolan" in family.open("mammas dator", link, MOTHER)


def test_protected_identity_ends_it_and_says_no(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    family.tap("mamma", "Ändra ett svar")
    family.tap("mamma", "Skyddade personuppgifter")
    family.tap("mamma", "Ja")
    assert family.last["mamma"].draft is None
    assert baton_of(family).links[0].state == "declined"
    assert submissions.count(family.database) == 0


def test_a_question_in_between_keeps_the_place(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link)
    family.say("mamma", "människa")
    assert family.last["mamma"].draft is not None
    assert family.last["mamma"].draft.slot == "godkanns_av"
    assert "Elsa Påhittad" in family.say("mamma", MOTHER)


# --- two guardians ----------------------------------------------------------------------------------------------------


def answer(family: HandingOver, who: str, how: str) -> str:
    if how == "approve":
        return family.tap(who, "Godkänn och skicka" if "Godkänn och skicka" in family.labels[who] else "Godkänn")
    family.tap(who, "Tacka nej")
    return family.tap(who, "Tacka nej utan att säga varför")


TWO = [
    ("approve", "approve", ["guardian_approved"]),
    ("approve", "decline", ["guardian_declined"]),
    ("decline", "approve", ["guardian_declined"]),
    ("approve", None, []),
]


@pytest.mark.parametrize(("first", "second", "kinds"), TWO)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first link first", "second link first"])
def test_sent_when_the_first_approves(
    family: HandingOver, first: str, second: str | None, kinds: list[str], order: tuple[int, int]
) -> None:
    links = family.handed_over(2)
    names = {"a": MOTHER, "b": FATHER}
    for who, number in zip(names, order, strict=True):
        family.open(who, links[number], names[who])
    answer(family, "a", first)
    approver = "a" if first == "approve" else "b"
    family.now += timedelta(hours=1)
    if second:
        answer(family, "b", second)
    reference = submissions.listing(family.database)[0].reference
    opened = submissions.open_submission(family.database, reference, actor="vera", at=family.now)
    assert opened is not None
    assert opened.answers["godkanns_av"] == names[approver]
    assert [added.kind for added in opened.additions] == kinds
    if kinds:
        assert opened.additions[0].by == names["b" if approver == "a" else "a"]
    assert submissions.count(family.database) == 1


def test_nobody_approves_nothing_is_sent(family: HandingOver) -> None:
    links = family.handed_over(2)
    for who, link in zip(("a", "b"), links, strict=True):
        family.open(who, link, MOTHER)
        answer(family, who, "decline")
    assert submissions.count(family.database) == 0


def test_both_at_once_make_one_submission(family: HandingOver) -> None:
    links = family.handed_over(2)
    family.open("a", links[0], MOTHER)
    family.open("b", links[1], FATHER)
    start = threading.Barrier(2)

    def approve(who: str) -> None:
        start.wait()
        family.tap(who, "Godkänn och skicka")

    threads = [threading.Thread(target=approve, args=(who,)) for who in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert submissions.count(family.database) == 1
    reference = submissions.listing(family.database)[0].reference
    opened = submissions.open_submission(family.database, reference, actor="vera", at=family.now)
    assert opened is not None
    assert [added.kind for added in opened.additions] == ["guardian_approved"]
    assert {opened.answers["godkanns_av"], opened.additions[0].by} == {MOTHER, FATHER}


def test_each_sees_the_others_corrections_but_not_how_to_reach_them(family: HandingOver) -> None:
    mothers, fathers = family.handed_over(2)
    family.open("mamma", mothers, MOTHER)
    family.tap("mamma", "Ändra ett svar")
    family.tap("mamma", "Skola")
    family.say("mamma", "Nya skolan")
    summary = family.open("pappa", fathers, FATHER)
    assert "Skola: Nya skolan (den andra vårdnadshavaren, 2026-11-20)" in summary
    assert "070-174 06 11" not in summary and "+46701740611" not in str(family.answers_of("pappa"))
    assert "kim@example.com" not in summary
    assert "Det här visas bara för socialtjänsten: Kontaktsätt, Din e-post, Vårdnadshavarens telefon." in summary
    family.tap("pappa", "Ändra ett svar")
    assert "Vårdnadshavarens telefon" not in family.buttons("pappa")
    family.tap("pappa", "Godkänn och skicka")
    sent = family.sent_by("pappa")
    assert sent.answers["vardnadshavare_telefon"] == "+46701740611"
    assert sent.answers["epost"] == "kim@example.com"
    assert sent.given["skola"]["by"] == "vardnadshavare_1"


def test_corrections_meet_in_the_baton(family: HandingOver) -> None:
    mothers, fathers = family.handed_over(2)
    family.open("mamma", mothers, MOTHER)
    family.open("pappa", fathers, FATHER)
    for who, label, text in (("mamma", "Skola", "Nya skolan"), ("pappa", "Årskurs", "6")):
        family.tap(who, "Ändra ett svar")
        family.tap(who, label)
        family.say(who, text)
    assert "6" in family.tap("mamma", "Godkänn och skicka")  # the father's, which she had not seen yet
    family.tap("mamma", "Godkänn och skicka")
    sent = family.sent_by("mamma")
    assert (sent.answers["skola"], sent.answers["arskurs"]) == ("Nya skolan", "6")
    assert (sent.given["skola"]["by"], sent.given["arskurs"]["by"]) == ("vardnadshavare_1", "vardnadshavare_2")


def test_what_is_sent_is_not_changed(family: HandingOver) -> None:
    mothers, fathers = family.handed_over(2)
    family.open("mamma", mothers, MOTHER)
    family.open("pappa", fathers, FATHER)
    family.tap("pappa", "Ändra ett svar")
    family.tap("pappa", "Skola")
    family.tap("mamma", "Godkänn och skicka")
    said = family.say("pappa", "En annan skola")
    assert "redan skickad" in said
    assert "Godkänn" in family.buttons("pappa")
    assert family.sent_by("mamma").answers["skola"] == "Påhittsskolan"
    assert baton_of(family).answers["skola"] == "Påhittsskolan"


def test_the_other_opens_it_after_it_was_sent(family: HandingOver) -> None:
    mothers, fathers = family.handed_over(2)
    family.open("mamma", mothers, MOTHER)
    family.tap("mamma", "Godkänn och skicka")
    assert "redan skickad, den 2026-11-20" in family.open("pappa", fathers)
    family.say("pappa", FATHER)
    family.tap("pappa", "Tacka nej")
    family.say("pappa", "Jag håller inte med.")
    added = family.sent_by("mamma").additions
    assert [(one.kind, one.by, one.text) for one in added] == [("guardian_declined", FATHER, "Jag håller inte med.")]
    assert "Jag håller inte med." not in family.say(KURATOR, "mina")


# --- time -----------------------------------------------------------------------------------------------------------


def test_silence_is_told_to_staff_and_kurator(family: HandingOver) -> None:
    mothers, fathers = family.handed_over(2)
    family.open("mamma", mothers, MOTHER)
    family.tap("mamma", "Godkänn och skicka")
    family.now += timedelta(days=15)
    assert mark(family.database, family.now, days=14) == Marked(reminded=0, expired=1)
    assert mark(family.database, family.now, days=14) == Marked(reminded=0, expired=0)
    assert [added.kind for added in family.sent_by("mamma").additions] == ["guardian_silent"]
    assert "svarade inte i tid" in family.say(KURATOR, "mina")
    with pytest.raises(LinkExpiredError):
        family.desk.open_link(*fathers, family.now)


def test_after_half_the_time_somebody_should_be_reminded(family: HandingOver) -> None:
    family.handed_over()
    family.now += timedelta(days=6)
    assert mark(family.database, family.now, days=14) == Marked(0, 0)
    family.now += timedelta(days=1)
    assert mark(family.database, family.now, days=14) == Marked(1, 0)
    assert mark(family.database, family.now, days=14) == Marked(0, 0)
    assert "Påminn gärna" in family.say(KURATOR, "mina")


def test_a_form_that_is_open_when_the_time_is_out_is_sent_by_nobody(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    family.now += timedelta(days=15)
    assert "Tiden har gått ut" in family.tap("mamma", "Godkänn och skicka")
    assert family.last["mamma"].draft is None
    assert submissions.count(family.database) == 0


# --- links and codes --------------------------------------------------------------------------------------------------


def test_five_wrong_codes_lock_the_link_and_another_one_opens(family: HandingOver) -> None:
    ((token, code),) = family.handed_over()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(WrongCodeError) as refused:
            family.desk.open_link(token, wrong, family.now)
        assert refused.value.tries_left == left
    with pytest.raises(LinkLockedError):
        family.desk.open_link(token, code, family.now)
    assert "låst efter fem fel" in family.say(KURATOR, "mina")
    (renewed,) = links_in(family.tap(KURATOR, next(b for b in family.buttons(KURATOR) if b.startswith("Ny länk"))))
    with pytest.raises(LinkUnknownError):
        family.desk.open_link(token, code, family.now)
    assert "Elsa Påhittad" in family.open("mamma", renewed, MOTHER)


def test_no_new_link_for_what_is_answered_or_another_conversations(family: HandingOver) -> None:
    (link,) = family.handed_over()
    token = baton_of(family).token
    assert "Inget har ändrats" in family.say("främling", choice=f"b:link:{token}:1")
    family.open("mamma", link, MOTHER)
    family.tap("mamma", "Godkänn och skicka")
    assert "Inget har ändrats" in family.say(KURATOR, choice=f"b:link:{token}:1")


def test_the_kurator_sees_states_and_nothing_else(family: HandingOver) -> None:
    (link,) = family.handed_over()
    seen = [family.say(KURATOR, "mina")]
    family.open("mamma", link, MOTHER)
    seen.append(family.say(KURATOR, "mina"))
    family.tap("mamma", "Godkänn och skicka")
    sent = family.sent_by("mamma")
    submissions.change_status(
        family.database, sent.summary.reference, "queued", actor="vera", version=sent.version, at=family.now
    )
    seen.append(family.say(KURATOR, "mina"))
    for said, word in zip(seen, ("väntar", "öppnade länken", "Mottagen av kommunen 2026-11-20"), strict=True):
        assert word in said
        for secret in (MOTHER, "Elsa", sent.summary.reference, "kö", "Nya"):
            assert secret not in said.split("Av samtalet")[0]


def test_somebody_with_another_form_open_is_asked_to_finish_it(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.say("mamma", choice="f:kontakta_mig", municipality="vingaker")
    opened = family.desk.busy("mamma", family.now)
    assert opened is not None and opened.form_id == "kontakta_mig"
    family.open("någon annan", link, MOTHER)
    held = family.desk.busy("någon annan", family.now)
    assert held is not None and held.baton == baton_of(family).token


# --- what is seen -----------------------------------------------------------------------------------------------------


def question(slot: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"slot": slot, "type": kind, "label": {"sv": slot}, "text": {"sv": slot}, **more}


SEEN_FORM = {
    "id": "prov",
    "version": 1,
    **{key: {"sv": "x"} for key in ("title", "purpose", "information", "stop_text", "receipt")},
    "channels": ["web"],
    "questions": [
        question("behov"),
        question("barnets_rost", childs_voice=True),
        question("telefon", "phone", fact="writer_phone"),
        question("vh_telefon", "phone"),
        question("vh_namn", fact="other_guardian_name"),
        question("tankar", private=True),
    ],
}


@pytest.mark.parametrize(
    ("guardians", "by", "hidden"),
    [
        (1, "yrkesperson", {"barnets_rost"}),
        (2, "yrkesperson", {"barnets_rost", "vh_telefon", "vh_namn", "tankar"}),
        (2, "vardnadshavare_2", {"barnets_rost", "vh_telefon", "vh_namn", "tankar"}),
        (2, "vardnadshavare_1", set()),
        (1, "vardnadshavare", set()),
    ],
)
def test_what_the_first_guardian_does_not_see(family: HandingOver, guardians: int, by: str, hidden: set[str]) -> None:
    slots = [str(one["slot"]) for one in SEEN_FORM["questions"]]
    baton = Baton(
        token="T",
        form_id="prov",
        form_version=1,
        form=SEEN_FORM,
        answers=dict.fromkeys(slots, "+46701740611"),
        given={slot: {"by": by, "at": family.now.isoformat()} for slot in slots},
        municipality="sala",
        language="sv",
        channel="web",
        made_at=family.now,
        expires_at=family.now,
        reference=None,
        received_at=None,
        links=tuple(Link(number, "V", "opened") for number in range(1, guardians + 1)),
    )
    assert hidden_from(baton, 1) == hidden


def test_what_a_guardian_says_of_themselves_is_not_about_the_kurator(family: HandingOver) -> None:
    (link,) = family.handed_over()
    family.open("mamma", link, MOTHER)
    draft = find(family.database, "web", "mamma").draft
    assert draft is not None and draft.form is not None
    facts = {question["slot"]: question.get("fact") for question in draft.form["questions"]}
    assert facts["barnets_namn"] == "child_name"
    assert [slot for slot, fact in facts.items() if str(fact).startswith("writer_")] == ["godkanns_av"]


def test_a_conversation_remembers_through_storage() -> None:
    state = State(
        batons=("A",), sheets=(("A", "1", "V", "t", "123456", "2026-11-20T09:00:00+00:00"),), opened=(("D", "A", "1"),)
    )
    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state
