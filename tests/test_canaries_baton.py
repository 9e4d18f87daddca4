"""Canaries along the longer ways: from hand to hand, after sending in, on the review pages, and when keys are changed.

Another life of a real `kontakt serve`, looked through in the same way as the one of `test_canaries`.
"""

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from canary_life import (
    AS_GUARDIAN,
    POSTED,
    Life,
    begun,
    files_made_in,
    filled_at_work,
    handed_over,
    keep_secrets,
    on_telegram,
    on_web,
    opened,
    remember_links,
    sent_with_code,
    staff_of,
)
from handing_over import links_in
from http_people import Staff
from mail_server import TAKEN, MailOffice, mail_server

from forms.form import Form
from storage.rotation import SETTLED_SECONDS

APPLICATION, OTHER, CONTACT = "ansokan_kontaktgrupp", "ansokan_kontaktperson", "kontakta_mig"
MOTHER, TELEGRAM_CHAT, MOVED_CHAT = "vardnadshavare", 70_001, 70_002
NO_FONT_HAS = "\N{GRINNING FACE}"
CHANGED = "UPDATE form_snapshots SET content = ? WHERE digest = ?"


# -- from hand to hand ----------------------------------------------------------------------------------------------


def two_guardians_answer(life: Life, form: Form) -> None:
    """One corrects, adds and approves, which sends it; the other declines afterwards, and says why."""
    kurator, word = life.resident(), life.canaries.word
    first, second = handed_over(life, form, kurator, 2)
    guardian, asked = opened(life, first)
    say, tap = on_web(guardian)
    for label, text in (("Skola", word("corrected")), ("Med egna ord", f"{word('added')}\noch {word('added too')}")):
        asked = tap(tap(asked.button("Ändra ett svar")).button(label))
        asked = say(text)
    asked = say(f"kan {word('a question to the bot')} komma med")
    if not any(label.startswith("Godkänn") for label in asked.buttons.values()):
        asked = say("fortsätt")
    sent_with_code(life, tap(asked.button("Godkänn och skicka")))
    father, asked = opened(life, second)
    _, tap = on_web(father)
    tap(asked.button("Tacka nej"))
    said = father.reads(text=f"{word('the reason, after it was sent')} vill inte, säger {word('somebody')}.")
    assert "tackat nej" in said
    assert "godkände" in kurator.reads(text="mina")


def a_guardian_declines(life: Life, form: Form) -> None:
    """Before anything was sent: whoever began reads why. A renewed link, and one that is locked by wrong codes."""
    kurator, word = life.resident(), life.canaries.word
    (link,) = handed_over(life, form, kurator, 1)
    guardian, asked = opened(life, link)
    _, tap = on_web(guardian)
    tap(asked.button("Tacka nej"))
    reason = word("the reason, before anything was sent")
    guardian.say(text=f"{reason} har inte berättat detta för oss.")
    assert reason in kurator.reads(text="mina")
    (lost,) = handed_over(life, form, kurator, 1)
    say, tap = on_web(kurator)
    renewed = links_in(tap(say("mina").button("Ny länk och kod")).said)
    remember_links(life, renewed)
    stranger = life.resident()
    for number, (token, code) in enumerate([lost, renewed[0], ("B" * 24, "123456")]):
        for _ in range(5):
            life.statuses[f"wrong code {number}"] = _try_code(stranger, token, f"{(int(code) + 1) % 10**6:06}")
        life.statuses[f"right code, too late {number}"] = _try_code(stranger, token, code)
    life.statuses["odd code"] = _try_code(stranger, token, word("code") * 300)
    life.statuses["odd token"] = _try_code(stranger, quote(word("token")), "123456")


def _try_code(person: object, token: str, code: str) -> int:
    body = urlencode({"code": code}).encode()
    return int(person.ask(f"/overlamning/{token}", body, Content_Type=POSTED))  # type: ignore[attr-defined]


def papers_are_printed(life: Life, forms: Mapping[str, Form]) -> None:
    """The sheet with links, and the blankett – also with a sign that no font has; the signed one is sent in."""
    kurator, word = life.resident(), life.canaries.word
    _, tap = on_web(kurator)
    asked = tap(filled_at_work(life, forms[APPLICATION], kurator).button("Lämna över till vårdnadshavare"))
    said = tap(asked.button("En vårdnadshavare")).said
    remember_links(life, links_in(said))
    assert kurator.ask(_path("/overlamning/blad/", said)) == 200
    assert life.resident().ask(_path("/overlamning/blad/", said)) == 404

    kurator = life.resident(life.municipality_of(forms[OTHER]))
    say, tap = on_web(kurator)
    asked = filled_at_work(life, forms[OTHER], kurator)
    for answer in (word("an answer on paper"), f"{word('an answer that cannot be printed')} {NO_FONT_HAS}"):
        tap(tap(asked.button("Ändra ett svar")).button("Barnets namn"))
        asked = say(answer)
        printed = tap(asked.button("Skriv ut som blankett"))
        with files_made_in(life.places[0]) as made:
            assert kurator.ask(_path("/blankett/", printed.said)) == 200
        life.files_made |= made
        assert kurator.page.startswith("%PDF-")
        asked = tap(printed.button("Tillbaka till sammanfattningen"))
    asked = tap(tap(asked.button("Skriv ut som blankett")).button("Registrera undertecknad blankett"))
    say(f"när {word('the day on the paper')} kom hem")
    sent_with_code(life, say(datetime.now(UTC).date().isoformat()))


def _path(prefix: str, said: str) -> str:
    found = re.search(rf"https://chatt\.example\.com({prefix}\S+)", said)
    assert found, said
    return found[1]


# -- after sending in -----------------------------------------------------------------------------------------------


def residents_go_on(life: Life, forms: Mapping[str, Form]) -> None:
    """Staff ask and are answered, on both channels; status by reference and code; a sibling, a copy; withdrawing."""
    word, form = life.canaries.word, forms[APPLICATION]
    resident, guardian = life.resident(), replace(life.walker, chosen=AS_GUARDIAN)
    say, tap = on_web(resident)
    asked = guardian.fill(form, 0, say, tap, send=True)
    reference, code = sent_with_code(life, asked)
    staff = staff_of(life)
    _staff_ask(life, staff, reference)
    tap(say("mina").button("Svara socialtjänsten"))
    say(f"{word('an answer to staff')} går i klass fem")
    life.told["danger"] = resident.reads(text=f"min man {word('danger in an answer to staff')} slår mig")
    asked = tap(say("mina uppgifter").button("Ny ansökan"))
    sent_with_code(life, guardian.go_on(form, 0, asked, say, tap, send=True))
    asked = guardian.fill(form, 0, *on_web(brother := life.resident()), send=True)
    sent_with_code(life, asked)
    say, tap = on_web(brother)
    asked = tap(asked.button("Ansök för ett syskon också"))
    sent_with_code(life, guardian.go_on(form, 0, asked, say, tap, send=True))
    asked = tap(say("dra tillbaka min ansökan").button(form.title["sv"]))
    assert "återtagen" in tap(asked.button("Ja, dra tillbaka")).said

    stranger = life.resident()
    for wrong in (word("instead of a code"), f"{(int(code) + 1) % 10**6:06}"):
        life.told[f"status {wrong[:2]}"] = stranger.reads(text=f"{reference} {wrong}")
    say, tap = on_telegram(life.fake, TELEGRAM_CHAT, forms[CONTACT])
    say("/start vingaker")
    assert "mottagen" in say(f"{reference} {code[:3]} {code[3:]}").said
    asked = life.walker.fill(forms[CONTACT], 0, say, tap, send=True)
    reference, code = sent_with_code(life, asked)
    _staff_ask(life, staff, reference)
    tap(say("mina").button("Svara socialtjänsten"))
    say(f"{word('an answer in Telegram')} {life.canaries.personnummer('an answer in Telegram')}")
    assert "mottagen" in stranger.reads(text=f"status {reference} {code}")


def _staff_ask(life: Life, staff: Staff, reference: str) -> None:
    """Two questions, and two that are refused."""
    path, word = f"/inkommet/{reference}", life.canaries.word
    assert staff.ask(path) == 200
    for number in range(2):
        assert staff.post(f"{path}/komplettering", text=f"Hur mår {word('a question of staff')}? ({number})") == 303
        assert staff.ask(path) == 200
    life.statuses["long question"] = staff.post(f"{path}/komplettering", text=word("a long question") * 500)
    life.statuses["question, no token"] = staff.ask(f"{path}/komplettering", word("a question").encode())
    assert staff.ask(path) == 200


def a_form_moves_to_the_web(life: Life, forms: Mapping[str, Form]) -> None:
    """From Telegram by a link that works once."""
    form, word = forms[APPLICATION], life.canaries.word
    say, tap = on_telegram(life.fake, MOVED_CHAT, form)
    say("/start vingaker")
    asked = tap(tap(f"f:{form.id}").button("Nej"))
    tap(asked.button("Barnets vårdnadshavare"))
    asked = say(word("begun in Telegram"))
    moved = tap(asked.button("Fortsätt i webbchatten"))
    path = _path("/fortsatt/", moved.said)
    life.secrets["transfer"] = path.split("/")[2].split("?")[0]
    resident = life.resident()
    assert resident.ask(path) == 200
    assert resident.ask(path, b"", Content_Type=POSTED) == 200
    assert life.canaries.found_in(resident.page.encode()) == set()
    life.statuses["used link"] = life.resident().ask(path, b"", Content_Type=POSTED)
    life.statuses["odd link"] = resident.ask(f"/fortsatt/{quote(word('link'))}?kommun={quote(word('place'))}")
    asked = on_web(resident)[0]("fortsätt")
    guardian = replace(life.walker, chosen=AS_GUARDIAN)
    sent_with_code(life, guardian.go_on(form, 0, asked, *on_web(resident), send=True))


# -- staff and keys -------------------------------------------------------------------------------------------------


def staff_decide(life: Life) -> None:
    """Notes, statuses, a case number, reasons to keep and not to – and what of it is refused."""
    staff, word = staff_of(life), life.canaries.word
    for reference in (*life.references[:2], life.references[-1]):
        path = f"/inkommet/{reference}"
        assert staff.ask(path) == 200
        version = _version(staff)
        posts = [
            ("anteckning", {"text": f"Ringt till {word('note')}"}, 303),
            ("status", {"status": "in_review", "version": version}, 303),
            ("status", {"status": "closed", "version": version}, 409),
            ("status", {"status": word("an unknown status"), "version": word("version")}, 400),
            ("overlamnat", {"number": word("case number, too early")}, 409),
            ("behall", {"reason": f"{word('why it is kept')} vill det."}, 303),
            ("behall", {"reason": word("kept twice")}, 409),
            ("slapp", {"reason": word("why it is not kept")}, 303),
            ("slapp", {"reason": word("a long reason") * 500}, 400),
        ]
        for action, fields, wanted in posts:
            assert staff.post(f"{path}/{action}", **fields) == wanted, (action, fields)
            assert staff.ask(path) == 200
        assert staff.post(f"{path}/status", status="handed_over", version=_version(staff)) == 303
        assert staff.ask(path) == 200
        assert staff.post(f"{path}/overlamnat", number=word("case number")) == 303
        assert staff.ask(path) == 200
        life.statuses["long number"] = staff.post(f"{path}/overlamnat", number=word("case number") * 9)
    assert life.canaries.found_in(staff.page.encode())


def staff_search(life: Life) -> None:
    """For names, numbers and a case number that are there, and for what is not; then the review of the log."""
    staff, word = staff_of(life), life.canaries.word
    wanted = [name for name, place in life.canaries.words.items() if place.endswith((".barnets_namn", ".namn"))][:3]
    wanted += [name for name, place in life.canaries.words.items() if place == "case number"][:1]
    wanted += [f"19{number}" for number, place in life.canaries.numbers.items() if "personnummer" in place][:2]
    hits = 0
    for text in (*wanted, word("a search for nobody"), life.canaries.personnummer("a search for nobody")):
        assert staff.ask("/inkommet") == 200
        assert staff.post("/inkommet", sok=text) == 200
        hits += any(reference in staff.page for reference in life.references)
    assert hits >= 3
    life.statuses["long search"] = staff.post("/inkommet", sok=word("a long search") * 9)
    day = datetime.now(UTC).date()
    assert staff.ask(f"/loggkontroll?fran={day - timedelta(days=1)}&till={day}") == 200
    life.statuses["odd day"] = staff.ask(f"/loggkontroll?fran={quote(word('a day'))}&till={day}")


def _version(staff: Staff) -> str:
    found = re.search(r'name="version" value="(\d+)"', staff.page)
    assert found, staff.page
    return found[1]


def what_is_stored_is_odd(life: Life, form: Form) -> None:
    """Errors while answers are at hand: on a review page, in the chat, at the command line."""
    kurator, staff = life.resident(), staff_of(life)
    (link,) = handed_over(life, form, kurator, 1)
    guardian, _ = opened(life, link)
    resident = life.resident()
    life.walker.fill(form, 0, *on_web(resident), send=False)
    with _texts_of_no_type(life.var / "kontakt.db"):
        for reference in life.references[:3]:
            life.statuses[f"odd {reference}"] = staff.ask(f"/inkommet/{reference}")
            life.command("submissions", "show", reference)
            life.command("submissions", "export", reference, "--to", str(life.var.parent / "odd.json"))
        life.statuses["odd baton"] = guardian.turn(text="fortsätt")[0]
        life.statuses["odd draft"] = resident.turn(text="fortsätt")[0]
    assert staff.ask(f"/inkommet/{life.references[0]}") == 200


@contextmanager
def _texts_of_no_type(file: Path) -> Iterator[None]:
    """No stored form can be read."""
    with closing(sqlite3.connect(file)) as connection:
        before = connection.execute("SELECT digest, content FROM form_snapshots").fetchall()
        odd = [(content.replace('"type":"text"', '"type":"odd"'), digest) for digest, content in before]
        with connection:
            connection.executemany(CHANGED, odd)
        yield
        with connection:
            connection.executemany(
                "UPDATE form_snapshots SET content = ? WHERE digest = ?", [row[::-1] for row in before]
            )


def a_key_is_added(life: Life) -> str:
    """A new one, that seals from now on; the id of the old one."""
    old = life.command("keys", "list").stdout.split()[0]
    assert life.command("keys", "add").returncode == 0
    keep_secrets(life)
    return old


def keys_are_changed(life: Life, old: str, place: Path) -> None:
    """Everything sealed anew while residents go on, and the old key put away; then the other commands."""
    life.resident().say(text=f"hej {life.canaries.word('while keys are changed')}")
    assert life.command("keys", "rotate").returncode == 0
    reference = life.references[0]
    assert life.command("submissions", "export", reference, "--to", str(place / "one.json")).returncode == 0
    assert life.canaries.found_in((place / "one.json").read_bytes())
    assert life.command("audit", "verify").returncode == 0
    assert life.command("backup", str(life.var / "kontakt.backup")).returncode == 0
    assert life.command("restore", str(life.var / "kontakt.backup"), "--check").returncode == 0
    assert life.command("retention", "plan", "--days", "60").returncode == 0
    changed = (life.var / "keys" / "encryption.keys").stat().st_mtime
    time.sleep(max(0.0, SETTLED_SECONDS + 1 - (time.time() - changed)))
    assert life.command("keys", "retire", old).returncode == 0
    assert life.command("submissions", "show", reference).returncode == 0


def all_that_is_old_goes(life: Life) -> None:
    """Drafts, batons and conversations that are made to look old."""
    old = (datetime.now(UTC) - timedelta(days=90)).replace(tzinfo=None).isoformat(sep=" ")
    with closing(sqlite3.connect(life.var / "kontakt.db")) as connection, connection:
        for table, column in (("drafts", "updated_at"), ("conversations", "updated_at"), ("batons", "expires_at")):
            connection.execute(f"UPDATE {table} SET {column} = ?", (old,))
    assert life.command("retention", "run", "--confirm-many").returncode == 0
    assert life.command("audit", "verify").returncode == 0


# -- all of it, and what it has left --------------------------------------------------------------------------------


MOMENTS = ["handed over", "gone on", "decided", "odd", "keys changed", "purged", "stopped"]


@pytest.fixture(scope="module")
def office() -> MailOffice:
    """The municipality's mail server, which is told of what comes in; at first it takes nothing."""
    return MailOffice()


def _mail(office: MailOffice) -> dict[str, str]:
    return {
        "KONTAKT_NOTICES__HOST": "127.0.0.1",
        "KONTAKT_NOTICES__PORT": str(office.port),
        "KONTAKT_NOTICES__SECURITY": "none",
        "KONTAKT_NOTICES__SENDER": "kontakt@example.com",
        "KONTAKT_NOTICES__RECIPIENTS": '["registrator@example.com"]',
    }


@pytest.fixture(scope="module")
def life(
    tmp_path_factory: pytest.TempPathFactory, nlu_model: Path, forms: dict[str, Form], office: MailOffice
) -> Iterator[Life]:
    """All of it, once."""
    place = tmp_path_factory.mktemp("canaries")
    with mail_server(office), begun(place, nlu_model, **_mail(office)) as found:
        office.answer = f"451 4.3.0 {found.canaries.word('the mail server').encode('ascii', 'replace').decode()}"
        two_guardians_answer(found, forms[APPLICATION])
        old = a_key_is_added(found)
        a_guardian_declines(found, forms[APPLICATION])
        papers_are_printed(found, forms)
        found.look("handed over")
        residents_go_on(found, forms)
        a_form_moves_to_the_web(found, forms)
        found.look("gone on")
        staff_decide(found)
        staff_search(found)
        office.answer = TAKEN
        found.look("decided")
        what_is_stored_is_odd(found, forms[APPLICATION])
        found.look("odd")
        keys_are_changed(found, old, place)
        found.look("keys changed")
        all_that_is_old_goes(found)
        found.look("purged")
        found.kontakt.stop()
        found.look("stopped")
        yield found


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_file_and_no_process_holds_what_was_typed_along_the_longer_ways(life: Life, moment: str) -> None:
    assert life.seen[moment] == {}
    assert life.looked_at[moment] > 8


def test_no_link_and_no_code_is_anywhere(life: Life) -> None:
    """They are kept as fingerprints; who was given one has it."""
    names = {name for name in life.secrets if name.startswith(("link", "transfer"))} | life.codes.keys()
    assert len(names) > 20
    assert {name: places for name, places in life.secret_places.items() if name in names} == {}


def test_no_key_is_outside_its_file(life: Life) -> None:
    keys = {name: places for name, places in life.secret_places.items() if ".key" in name}
    assert len([name for name in life.secrets if name.startswith("encryption.keys")]) == 2
    assert {name: [place for place in places if "/keys/" not in place] for name, places in keys.items()} == {
        name: [] for name in keys
    }


def test_no_mail_says_what_was_typed(life: Life, office: MailOffice) -> None:
    assert office.connections > 1
    assert office.mails
    assert [mail for mail in office.mails if life.canaries.found_in(mail.content)] == []


def test_printing_makes_no_file(life: Life) -> None:
    assert life.files_made == set()


def test_what_was_refused_was_refused(life: Life) -> None:
    refused = {name: status for name, status in life.statuses.items() if name != "account"}
    assert {name: status for name, status in refused.items() if not 400 <= status < 600} == {}
    assert {status for name, status in refused.items() if name.startswith("odd ") and len(name) == 12} == {500}


def test_no_command_says_what_was_typed_along_the_longer_ways(life: Life) -> None:
    assert life.canaries.found_in(life.printed_by_commands.encode()) == set()
    assert "Traceback" not in life.printed_by_commands + life.kontakt.printed


def test_much_was_typed(life: Life) -> None:
    assert len(life.references) >= 8
    assert len(life.canaries.words) > 100
