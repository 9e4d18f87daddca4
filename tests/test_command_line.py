"""The command line as people and scripts meet it: real processes beside one running `kontakt serve`."""

import json
import re
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import processes_of, snapshot
from running_kontakt import KONTAKT, RunningKontakt
from typer.testing import CliRunner

from bot.wording import load_wordings
from kontakt import app
from storage import audit
from storage.database import Database
from storage.encryption import load_keys

SAY = load_wordings()["sv"]
SAY_EN = load_wordings()["en"]
ASK_KEYS = ["text", "language", "kind", "topics", "form_id", "prefilled", "command", "confidence", "reply"]
ASK_KEYS += ["choices", "sources"]


@pytest.fixture(scope="module")
def kontakt(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> Iterator[RunningKontakt]:
    no_settings = tmp_path_factory.mktemp("settings") / "kontakt.toml"
    no_settings.touch()
    running = RunningKontakt(tmp_path_factory.mktemp("var"), nlu_model, KONTAKT_CONFIG=str(no_settings))
    try:
        running.wait_until_up()
        running.wait_until_free_text()
        yield running
    finally:
        running.stop()


def _run(kontakt: RunningKontakt, *arguments: str, lines: Sequence[bytes] | None = None) -> list[str]:
    """The lines that a command prints. It must succeed, and have nothing to say on standard error."""
    done = subprocess.run(
        [*KONTAKT, *arguments],
        env=kontakt.environment,
        input=b"".join(line + b"\n" for line in lines or ()),
        capture_output=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout.decode("utf-8").split("\n")[:-1]


def _refused(kontakt: RunningKontakt, *arguments: str) -> str:
    """The one line with which a command refuses."""
    done = kontakt.run(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"kontakt: [^\n]+\n", done.stderr)
    return done.stderr


# -- ask -----------------------------------------------------------------------------------------------------------

FORM: dict[str, Any] = {"kind": "form", "command": None, "topics": [], "sources": []}
CONTROL: dict[str, Any] = {"kind": "control", "form_id": None, "prefilled": {}, "topics": [], "sources": []}
PLAIN: list[tuple[str, dict[str, Any]]] = [
    (
        "Vad är en kontaktgrupp?",
        {
            "language": "sv",
            "kind": "answer",
            "topics": [{"topic": "what_is", "service": "kontaktgrupp"}],
            "form_id": None,
            "prefilled": {},
            "command": None,
            "sources": [
                {
                    "brochure": "vingaker_kontaktgrupp",
                    "publisher": "Vingåkers kommun",
                    "municipality": "vingaker",
                }
            ],
        },
    ),
    ("Vad kostar kontaktgruppen?", {"kind": "answer", "topics": [{"topic": "cost", "service": "kontaktgrupp"}]}),
    (
        "What is a contact family?",
        {"language": "en", "kind": "answer", "topics": [{"topic": "what_is", "service": "kontaktfamilj"}]},
    ),
    (
        "Jag vill bli kontaktfamilj",
        {**FORM, "form_id": "intresseanmalan", "prefilled": {"uppdrag": ["kontaktfamilj"]}},
    ),
    ("Jag vill ansöka om kontaktgrupp till mitt barn", {**FORM, "form_id": "ansokan_kontaktgrupp", "prefilled": {}}),
    ("kan någon ringa mig", {**FORM, "form_id": "kontakta_mig", "prefilled": {}}),
    ("avbryt", {**CONTROL, "command": "cancel"}),
    ("hjälp", {**CONTROL, "command": "help"}),
    ("tillbaka", {**CONTROL, "command": "back"}),
    ("status", {**CONTROL, "command": "status"}),
    ("mina uppgifter", {**CONTROL, "command": "my_data"}),
    ("börja om", {**CONTROL, "command": "restart"}),
    ("Jag vill prata med en människa", {**CONTROL, "command": "human"}),
    ("hej", {**CONTROL, "command": "greeting"}),
    ("tack så mycket", {**CONTROL, "command": "thanks"}),
    ("min pappa slår mig", {"kind": "crisis", "form_id": None, "command": None, "topics": []}),
    ("hur får man försörjningsstöd", {"kind": "no_answer", "form_id": None, "command": None, "topics": []}),
]


@pytest.fixture(scope="module")
def plain_answers(kontakt: RunningKontakt) -> dict[str, dict[str, Any]]:
    """Every message of PLAIN, asked as the lines of one standard input."""
    printed = _run(kontakt, "ask", "--json", lines=[text.encode() for text, _ in PLAIN])
    answers = [json.loads(line) for line in printed]
    assert [answer["text"] for answer in answers] == [text for text, _ in PLAIN]
    return {answer["text"]: answer for answer in answers}


@pytest.mark.parametrize(("text", "expected"), PLAIN, ids=[text for text, _ in PLAIN])
def test_ask_tells_what_was_made_of_a_message(
    plain_answers: dict[str, dict[str, Any]], text: str, expected: dict[str, Any]
) -> None:
    answer = plain_answers[text]
    assert list(answer) == ASK_KEYS
    assert {name: answer[name] for name in expected} == expected
    assert answer["reply"].strip()
    assert 0.0 <= answer["confidence"] <= 1.0
    assert all(isinstance(label, str) and label for label in answer["choices"])
    assert bool(answer["sources"]) == (answer["kind"] == "answer")


def test_reply_is_all_that_the_resident_would_see(plain_answers: dict[str, dict[str, Any]]) -> None:
    assert "Källa: Vingåkers kommun, foldern om kontaktgrupp" in plain_answers["Vad är en kontaktgrupp?"]["reply"]
    assert plain_answers["min pappa slår mig"]["reply"].index("112") < 200
    assert "\nSource: " in plain_answers["What is a contact family?"]["reply"]


def test_each_argument_is_a_conversation_of_its_own(kontakt: RunningKontakt) -> None:
    texts = ["What does a contact group cost?", "avbryt", "", "Vad kostar det?"]
    answers = [json.loads(line) for line in _run(kontakt, "ask", "--json", *texts)]
    assert [answer["text"] for answer in answers] == texts
    assert [answer["language"] for answer in answers] == ["en", "sv", "sv", "sv"]
    assert answers[2]["reply"] == SAY("out.empty")


def test_ask_for_people(kontakt: RunningKontakt) -> None:
    printed = _run(kontakt, "ask", "Vad är en kontaktgrupp?")
    assert "Källa: Vingåkers kommun, foldern om kontaktgrupp" in printed
    assert any(line.startswith("  • ") for line in printed)


def test_ask_in_a_chosen_language_and_municipality(kontakt: RunningKontakt) -> None:
    options = ("--json", "--language", "en", "--municipality", "kramfors")
    found = [json.loads(line) for line in _run(kontakt, "ask", *options, "Vad är en kontaktfamilj?", "människa")]
    assert [answer["language"] for answer in found] == ["en", "en"]
    assert found[0]["topics"] == [{"topic": "what_is", "service": "kontaktfamilj"}]
    assert "kramfors.se" in found[1]["reply"]


HOSTILE: list[tuple[bytes, str | None]] = [
    (b"", "out.empty"),
    (b" \t ", "out.empty"),
    ("😀😀🎉".encode(), "out.symbols"),
    (b"a" * 100_000, "out.long"),
    (b"vad kostar det " * 7_000, "out.long"),
    (b"\x00", "out.empty"),
    (b"vad\x00kostar\x00kontaktgruppen", None),
    (b"\xff\xfe\xed\xa0\x80 vad kostar kontaktgruppen", None),
    ("\u202evad kostar kontaktgruppen\u202c\u2066".encode(), None),
    (b"<script>alert(1)</script><img src=x onerror=alert(1)>", None),
    (b"'; DROP TABLE submissions; --", None),
    (b"{{7*7}} {% for x in y %} ${7*7} #{7*7}", None),
    (b"**fet** [text](javascript:alert(1)) `kod` # rubrik", None),
    (b"%s %d %(x)s {0} {language} {municipality}", None),
    (b"{'text': 'hej'}", None),
    (b"\x1b[2J\x1b]0;titel\x07 vad kostar kontaktgruppen", None),
    ("första\u2028andra\u0085tredje\x0bfjärde\x0cfemte".encode(), None),
    (b"en rad\roch en vagnretur", None),
    (b"hej\r", None),
]


def test_hostile_lines_get_one_object_each_and_nothing_is_stored(kontakt: RunningKontakt) -> None:
    """`_run` asserts that all ends well and that nothing is said on standard error, so no traceback either."""
    database = [kontakt.var / name for name in ("kontakt.db", "kontakt.db-wal")]
    before = [path.read_bytes() for path in database]
    printed = _run(kontakt, "ask", "--json", lines=[line for line, _ in HOSTILE])
    assert [path.read_bytes() for path in database] == before
    assert len(printed) == len(HOSTILE)
    for line, (sent, expected) in zip(printed, HOSTILE, strict=True):
        answer = json.loads(line)
        assert list(answer) == ASK_KEYS
        assert answer["text"] == sent.decode("utf-8", "surrogateescape").rstrip("\r")
        assert answer["reply"].strip()
        if expected:
            assert answer["reply"] == SAY(expected, limit=4000)
        for trace in ("49", "<script", "DROP TABLE", "alert(1)", "Traceback", "\x1b", "\x00"):
            assert trace not in answer["reply"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("ask", "--municipality", "stockholm", "hej"), ("stockholm", "vingaker")),
        (("ask", "--language", "tlh", "hej"), ("tlh", "sv")),
        (("chat", "--municipality", "stockholm"), ("stockholm", "vingaker")),
        (("chat", "--channel", "fax"), ("fax", "terminal")),
        (("submissions", "list", "--municipality", "stockholm"), ("stockholm", "vingaker")),
        (("submissions", "list", "--status", "lost"), ("lost", "received")),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(
    kontakt: RunningKontakt, arguments: tuple[str, ...], named: tuple[str, str]
) -> None:
    said = _refused(kontakt, *arguments)
    assert all(name in said for name in named)


def test_what_is_written_is_for_its_user_alone(kontakt: RunningKontakt) -> None:
    assert kontakt.run("migrate").returncode == 0
    open_to_others = [path for path in kontakt.var.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    ours = [path for path in open_to_others if path.parent.name != "nlu" and path.name != "serve.log"]
    assert ours == []


def test_ask_starts_an_nlu_process_of_its_own_and_leaves_nothing(tmp_path: Path, nlu_model: Path) -> None:
    var = tmp_path / "var"
    (var / "nlu").mkdir(parents=True)
    for path in nlu_model.parent.glob(f"{nlu_model.name}*"):
        (var / "nlu" / path.name).symlink_to(path)
    environment = {"PATH": "/usr/bin:/bin", "KONTAKT_VAR": str(var)}
    done = subprocess.run(
        [*KONTAKT, "ask", "--json", "Får mitt barn vara med i kontaktgruppen gratis?"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["topics"] == [{"topic": "cost", "service": "kontaktgrupp"}]
    assert processes_of(var) == {}
    assert {path for path in snapshot(var) if path.split("/")[0] not in (".", "nlu")} == {"run"}


# -- chat ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """One resident's way through a form, over three processes, with everything that can be typed wrong on it."""

    begun: list[dict[str, Any]]
    disturbed: list[dict[str, Any]]
    by_another: dict[str, Any]
    finished: list[dict[str, Any]]
    sent: list[dict[str, Any]]

    @property
    def reference(self) -> str:
        reference: str = self.sent[0]["submission"]["reference"]
        return reference


NOT_READABLE = [
    b"",
    b"hej",
    b'{"text": "hej"',
    b"{}",
    b"[]",
    b"null",
    b'"hej"',
    b'{"text": 5}',
    b'{"text": null}',
    b'{"choice": ["Nej"]}',
    b'{"text": "hej", "choice": "Nej"}',
    b'{"start": true}',
    b'{"other": "media"}',
    b"[" * 100_000,
    b'{"text": \xff}',
    b"\x00",
]
WRONG = [
    (b'{"text": "12"}', None),
    (b'{"text": ""}', "out.empty"),
    (b'{"text": "\\ud800\\u0000"}', "out.empty"),
    (b'{"text": "\xff\xfe"}', "out.empty"),
    (b'{"choice": "Kanske"}', "out.unknown_choice"),
    (b'{"choice": ""}', "out.unknown_choice"),
    (b'{"choice": "x:y:z"}', "out.unknown_choice"),
    (b'{"choice": "a:ABCDEFGHJK:telefon:1"}', "out.stale"),
    (b'{"choice": "d:ABCDEFGHJK:submit"}', "out.stale"),
]


def _chat(kontakt: RunningKontakt, sender: str, *lines: bytes | dict[str, str]) -> list[dict[str, Any]]:
    """What `kontakt chat --json` answers to each line; a new process each time."""
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    printed = _run(kontakt, "chat", "--json", "--sender", sender, "--municipality", "sala", lines=encoded)
    assert len(printed) == len(lines)
    return [json.loads(line) for line in printed]


@pytest.fixture(scope="module")
def story(kontakt: RunningKontakt) -> Story:
    said = _chat(
        kontakt,
        "elsa",
        {"text": "kan någon ringa mig"},
        {"choice": "Nej"},
        {"choice": "Ring mig"},
        *NOT_READABLE,
        *(line for line, _ in WRONG),
    )
    token = said[0]["replies"][-1]["choices"][0]["id"].split(":")[1]
    by_another = _chat(kontakt, "another", {"choice": f"a:{token}:telefon:070-1740699"})[0]
    finished = _chat(
        kontakt,
        "elsa",
        {"text": "070-174 06 05"},
        {"text": "vardagar <b>{{7*7}}</b> före 10"},
        {"choice": "Nej"},
        {"choice": "Något annat"},
        {"text": "Elsa Testsson"},
    )
    submit = {choice["label"]: choice["id"] for choice in finished[-1]["replies"][-1]["choices"]}["Skicka in"]
    sent = _chat(kontakt, "elsa", {"choice": submit}, {"choice": submit})
    sent += _chat(kontakt, "elsa", {"choice": submit}, {"choice": "Skicka in"}, {"text": "Skicka in"})
    return Story(said[:3], said[3:], by_another, finished, sent)


def test_chat_answers_in_the_documented_shape(story: Story) -> None:
    for answer in (*story.begun, *story.disturbed, story.by_another, *story.finished, *story.sent):
        assert list(answer) == ["replies", "draft", "submission"]
        assert answer["replies"]
        for reply in answer["replies"]:
            assert list(reply) == ["text", "choices"]
            assert reply["text"].strip()
            assert all(list(choice) == ["id", "label"] for choice in reply["choices"])
    assert list(story.begun[0]["draft"].items()) == [
        ("form_id", "kontakta_mig"),
        ("slot", "skyddade_uppgifter"),
        ("answered", 0),
        ("total", story.begun[0]["draft"]["total"]),
    ]
    assert [answer["draft"]["slot"] for answer in story.begun] == ["skyddade_uppgifter", "kontaktvag", "telefon"]


def test_a_line_that_cannot_be_read_loses_nothing(story: Story) -> None:
    for line, answer in zip(NOT_READABLE, story.disturbed, strict=False):
        assert answer["replies"][0]["text"] == SAY("out.unreadable_line"), line[:40]
        assert answer["replies"][-1] == story.begun[-1]["replies"][-1]
        assert answer["draft"] == story.begun[-1]["draft"]


def test_a_wrong_answer_or_choice_loses_nothing(story: Story) -> None:
    for (line, expected), answer in zip(WRONG, story.disturbed[len(NOT_READABLE) :], strict=True):
        if expected:
            assert answer["replies"][0]["text"] == SAY(expected), line
        assert answer["replies"][-1] == story.begun[-1]["replies"][-1]
        assert answer["draft"] == story.begun[-1]["draft"]


def test_a_button_of_another_conversation_does_nothing(story: Story) -> None:
    assert story.by_another["replies"][0]["text"] == SAY("out.stale")
    assert story.by_another["draft"] is None
    assert story.by_another["submission"] is None


def test_the_same_sender_goes_on_after_a_restart(story: Story) -> None:
    assert [answer["draft"]["slot"] for answer in story.finished] == ["basta_tid", "tolk", "arende", "namn", None]
    summary = story.finished[-1]
    assert summary["draft"]["answered"] == summary["draft"]["total"]
    assert all(answer["submission"] is None for answer in (*story.begun, *story.finished))


def test_sending_twice_gives_one_submission(kontakt: RunningKontakt, story: Story) -> None:
    assert story.sent[0]["submission"] == {"reference": story.reference, "form_id": "kontakta_mig"}
    assert re.fullmatch(r"[23456789ABCDEFGHJKMNPQRSTVWXYZ]{8}", story.reference)
    for answer in story.sent:
        assert answer["submission"] == story.sent[0]["submission"]
        assert answer["draft"] is None
        assert story.reference in answer["replies"][0]["text"]
    rows = [json.loads(line) for line in _run(kontakt, "submissions", "list", "--json")]
    assert [row["reference"] for row in rows] == [story.reference]
    assert list(rows[0]) == ["reference", "form_id", "municipality", "channel", "language", "received_at", "status"]


def test_an_unreadable_line_is_answered_in_the_conversations_language(kontakt: RunningKontakt) -> None:
    _chat(kontakt, "english", {"choice": "c:language:en"})
    assert _chat(kontakt, "english", b"nonsense")[0]["replies"][0]["text"] == SAY_EN("out.unreadable_line")


def test_chat_for_people_numbers_the_buttons(kontakt: RunningKontakt) -> None:
    printed = _run(kontakt, "chat", "--sender", "person", lines=[b"5", b"9" * 5_000, b"0", "²".encode(), b""])
    labels = [line.split("  ")[-1] for line in printed if line.startswith("  5  ")]
    assert "Jag är en dator" in "\n".join(printed[:5])
    service = labels[0][:1].lower() + labels[0][1:]
    assert SAY("menu.service", service=service) in "\n".join(printed)
    assert SAY("out.long", limit=4000) in printed
    assert SAY("out.empty") in printed


# -- what staff do at the command line -----------------------------------------------------------------------------


def _events(kontakt: RunningKontakt, reference: str) -> list[tuple[str, str]]:
    database = Database(f"sqlite:///{kontakt.var / 'kontakt.db'}", load_keys(kontakt.var / "keys"))
    try:
        assert audit.verify(database) == []
        return [(event.event, event.actor.split(":")[0]) for event in audit.trail(database, reference)]
    finally:
        database.close()


def test_showing_a_submission_is_audited(kontakt: RunningKontakt, story: Story) -> None:
    before = _events(kontakt, story.reference)
    assert before[0][0] == "submission.received"
    (printed,) = _run(kontakt, "submissions", "show", story.reference, "--json")
    found = json.loads(printed)
    assert list(found) == [
        "reference", "form_id", "municipality", "channel", "language", "received_at", "status", "answers", "flags",
    ]  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", found.pop("received_at"))
    assert found == {
        "reference": story.reference,
        "form_id": "kontakta_mig",
        "municipality": "sala",
        "channel": "terminal",
        "language": "sv",
        "status": "received",
        "answers": {
            "skyddade_uppgifter": "nej",
            "kontaktvag": "telefon",
            "telefon": "+46701740605",
            "basta_tid": "vardagar <b>{{7*7}}</b> före 10",
            "tolk": "nej",
            "arende": "annat",
            "namn": "Elsa Testsson",
        },
        "flags": [],
    }
    assert _events(kontakt, story.reference) == [*before, ("submission.opened", "cli")]


def test_a_reference_may_be_written_carelessly(kontakt: RunningKontakt, story: Story) -> None:
    careless = f" {story.reference[:4].lower()}-{story.reference[4:].lower()}"
    assert f"reference: {story.reference}" in _run(kontakt, "submissions", "show", careless)


def test_listing_holds_no_answers_and_is_not_audited(kontakt: RunningKontakt, story: Story) -> None:
    before = _events(kontakt, story.reference)
    printed = "\n".join(_run(kontakt, "submissions", "list"))
    assert story.reference in printed
    assert "Elsa" not in printed
    assert _events(kontakt, story.reference) == before


@pytest.mark.parametrize("reference", ["23456789", "'; DROP TABLE submissions; --"])
def test_an_unknown_reference_is_one_line(kontakt: RunningKontakt, reference: str) -> None:
    assert "no submission" in _refused(kontakt, "submissions", "show", reference, "--json")


def test_export_is_for_its_owner_and_never_overwrites(kontakt: RunningKontakt, story: Story, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    assert _run(kontakt, "submissions", "export", story.reference, "--to", str(file)) == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    exported = json.loads(file.read_text(encoding="utf-8"))
    assert exported["answers"]["namn"] == "Elsa Testsson"
    assert exported["questions"]["namn"]["text"]["sv"] == "Vad heter du?"
    assert exported["given"].keys() == exported["answers"].keys()
    assert exported["notes"] == exported["requests"] == exported["additions"] == []
    assert _events(kontakt, story.reference)[-1] == ("submission.exported", "cli")
    file.write_text("something else", encoding="utf-8")
    assert str(file) in _refused(kontakt, "submissions", "export", story.reference, "--to", str(file))
    assert file.read_text(encoding="utf-8") == "something else"


def test_the_actor_is_who_the_system_says(kontakt: RunningKontakt, story: Story) -> None:
    environment = {**kontakt.environment, "LOGNAME": "somebody-else", "USER": "somebody-else"}
    show = [*KONTAKT, "submissions", "show", story.reference]
    subprocess.run(show, env=environment, check=True, capture_output=True, timeout=60)
    database = Database(f"sqlite:///{kontakt.var / 'kontakt.db'}", load_keys(kontakt.var / "keys"))
    try:
        assert "somebody-else" not in audit.trail(database, story.reference)[-1].actor
    finally:
        database.close()


COMMANDS = ["serve", "ask", "chat", "train", "evaluate", "migrate", "doctor"]
COMMANDS += ["submissions", "submissions list", "submissions show", "submissions export", "reviewers", "reviewers add"]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert "Usage: " in shown.output
