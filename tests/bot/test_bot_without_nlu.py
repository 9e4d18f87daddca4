"""With the NLU process away, menus, forms, commands and the emergency reply still work."""

from itertools import count

import pytest

from bot.dialogue import Dialogue
from bot.turn import Response, Turn
from storage import conversations, submissions
from storage.database import Database

NUMBERS = count(1)


def _say(dialogue: Dialogue, text: str | None = None, **turn: object) -> Response:
    values = {"channel": "web", "sender": "a", "message_id": f"m{next(NUMBERS)}", "text": text, **turn}
    return dialogue.respond(Turn(**values))  # type: ignore[arg-type]


def _tap(dialogue: Dialogue, response: Response, label: str) -> Response:
    offered = {c.label: c.id for reply in response.replies for c in reply.choices}
    return _say(dialogue, choice=offered[label])


def _text(response: Response) -> str:
    return "\n".join(reply.full_text for reply in response.replies)


def test_a_question_by_menu(dialogue_alone: Dialogue) -> None:
    start = _say(dialogue_alone, start=True, municipality="vingaker")
    menu = _tap(dialogue_alone, start, "Kontaktgrupp")
    answer = _say(dialogue_alone, choice=menu.replies[-1].choices[0].id)
    assert answer.account.kind == "answer"
    assert "Källa: Vingåkers kommun" in _text(answer)


def test_free_text_is_answered_with_buttons(dialogue_alone: Dialogue) -> None:
    response = _say(dialogue_alone, "vad gör en kontaktfamilj egentligen?")
    assert "inte läsa fri text just nu" in _text(response)
    assert all(choice.id.endswith(":kontaktfamilj") for choice in response.replies[-1].choices)


@pytest.mark.parametrize("text", ["pappa slår mig", "jag vill dö", "han hotar att döda mig"])
def test_danger_is_found(dialogue_alone: Dialogue, text: str) -> None:
    response = _say(dialogue_alone, text)
    assert response.account.kind == "crisis"
    assert response.replies[0].tone == "urgent"
    assert response.replies[0].text.startswith("Är någon i fara just nu? Ring 112.")


STORY = (
    "Hej, jag är ensam med tre barn sedan i våras, och min mellersta har det svårt att få vänner i skolan. Han sitter "
    "mest hemma och spelar, och jag jobbar kvällar, så det blir inte mycket gjort på helgerna. Min syster Sofia säger "
    "att man kan få hjälp med sådant."
)


def test_a_long_story_is_not_kept_and_that_is_said(dialogue_alone: Dialogue) -> None:
    response = _say(dialogue_alone, STORY)
    assert "Det du berättar här sparas inte" in _text(response)
    kept = conversations.find(dialogue_alone.database, "web", "a")
    assert "Sofia" not in str(kept.state)
    assert kept.state["question"] is None


def test_a_personnummer_in_a_text_field_is_taken_out(dialogue_alone: Dialogue) -> None:
    summary = _fill_in(dialogue_alone)
    naming = _say(dialogue_alone, choice=_change(summary, "namn"))
    assert naming.draft is not None and naming.draft.slot == "namn"
    response = _say(dialogue_alone, "Kim Testsson 19900101-9802")
    assert "Jag har tagit bort det" in _text(response)
    draft = conversations.find(dialogue_alone.database, "web", "a").draft
    assert draft is not None
    assert "9802" not in str(draft.answers)


def _change(summary: Response, slot: str) -> str:
    token = next(choice.id for choice in summary.replies[-1].choices if choice.id.startswith("d:")).split(":")[1]
    return f"d:{token}:change:{slot}"


def _fill_in(dialogue: Dialogue) -> Response:
    """kontakta_mig from its button to the summary: the first option of each question, text where there is none."""
    texts = {"phone": "070-1740633", "email": "kim@example.com"}
    response = _say(dialogue, choice="f:kontakta_mig", municipality="sala")
    for _ in range(30):
        assert response.draft is not None
        if response.draft.slot is None:
            return response
        question = response.replies[-1]
        options = [
            choice for choice in question.choices if choice.id.startswith("a:") and not choice.id.endswith(":ja")
        ]
        if question.expects in texts or not options:
            response = _say(dialogue, texts.get(question.expects or "", "Kim Testsson"))
        elif any(":+" in choice.id for choice in options):
            ticked = _say(dialogue, choice=options[0].id)
            response = _tap(dialogue, ticked, "Klar")
        else:
            response = _say(dialogue, choice=options[0].id)
    raise AssertionError("the form did not end")


def test_a_form_from_start_to_reference(dialogue_alone: Dialogue, database: Database) -> None:
    summary = _fill_in(dialogue_alone)
    sent = _tap(dialogue_alone, summary, "Skicka in")
    assert sent.submission is not None
    assert sent.submission.reference in _text(sent)
    found = submissions.status_of(database, sent.submission.reference)
    assert found is not None
    assert found[:2] == ("kontakta_mig", "received")


def test_sending_twice_gives_one_submission(dialogue_alone: Dialogue, database: Database) -> None:
    summary = _fill_in(dialogue_alone)
    first = _tap(dialogue_alone, summary, "Skicka in")
    second = _tap(dialogue_alone, summary, "Skicka in")
    assert first.submission == second.submission
    assert submissions.count(database) == 1


def test_the_same_message_again_gives_the_same_replies_and_saves_nothing(dialogue_alone: Dialogue) -> None:
    first = _say(dialogue_alone, choice="f:kontakta_mig", municipality="sala", message_id="one")
    again = _say(dialogue_alone, choice="f:kontakta_mig", municipality="sala", message_id="one")
    assert again == first


def test_protected_identity_stops_and_keeps_nothing(dialogue_alone: Dialogue, database: Database) -> None:
    opened = _say(dialogue_alone, choice="f:intresseanmalan", municipality="sala")
    stopped = _tap(dialogue_alone, opened, "Ja")
    assert stopped.draft is None
    assert "0224-74 70 00" in _text(stopped)
    kept = conversations.find(database, "web", "a")
    assert kept.draft is None
    assert "skyddade" not in str(kept.state)


def test_a_button_of_another_conversation_changes_nothing(dialogue_alone: Dialogue, database: Database) -> None:
    other = _say(dialogue_alone, choice="f:kontakta_mig", municipality="sala", sender="other")
    answer = next(c.id for c in other.replies[-1].choices if c.id.startswith("a:"))
    response = _say(dialogue_alone, choice=answer)
    assert "inte är öppet längre" in _text(response)
    kept = conversations.find(database, "web", "other").draft
    assert kept is not None
    assert kept.answers == {}


def test_a_conversation_goes_on_after_a_restart(dialogue_alone: Dialogue, database: Database) -> None:
    opened = _say(dialogue_alone, choice="f:kontakta_mig", municipality="sala")
    second = _tap(dialogue_alone, opened, "Nej")
    restarted = Dialogue(dialogue_alone.tools, database)
    resumed = _say(restarted, start=True)
    assert resumed.draft == second.draft
    assert resumed.replies[-1].text == second.replies[-1].text
