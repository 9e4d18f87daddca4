"""What goes wrong on a telephone: late taps, second thoughts, half words. No answer is lost or misplaced."""

from collections.abc import Callable
from itertools import count

import pytest

from bot.dialogue import Dialogue
from bot.scene import State
from bot.turn import Response, Turn
from storage import conversations, submissions
from storage.database import Database

Say = Callable[..., Response]


@pytest.fixture
def say(dialogue_alone: Dialogue) -> Say:
    """say("text") or say(choice=id), without the NLU process."""
    numbers = count(1)

    def turn(text: str | None = None, **more: object) -> Response:
        values = {"channel": "web", "sender": "a", "message_id": f"m{next(numbers)}", "text": text, **more}
        return dialogue_alone.respond(Turn(**values))  # type: ignore[arg-type]

    return turn


def _id(response: Response, label: str) -> str:
    return next(c.id for reply in response.replies for c in reply.choices if c.label.removeprefix("✓ ") == label)


def _text(response: Response) -> str:
    return "\n".join(reply.full_text for reply in response.replies)


def _answers(database: Database) -> dict[str, object]:
    draft = conversations.find(database, "web", "a").draft
    assert draft is not None
    return dict(draft.answers)


def _begun(say: Say) -> Response:
    opened = say(choice="f:kontakta_mig", municipality="sala")
    return say(choice=_id(opened, "Nej"))


@pytest.mark.parametrize(
    "second_thought",
    [
        "nej",
        "nej radera inte",
        "radera inte",
        "avbryt inte",
        "don't delete",
        "vänta, inte radera!",
        "do not cancel",
        "fortsätt",
    ],
)
def test_a_second_thought_keeps_the_answers(say: Say, database: Database, second_thought: str) -> None:
    _begun(say)
    say("avbryt")
    response = say(second_thought)
    assert response.draft is not None
    assert _answers(database) == {"skyddade_uppgifter": "nej"}


@pytest.mark.parametrize("yes", ["ja", "ja tack", "radera", "yes"])
def test_a_clear_yes_cancels(say: Say, yes: str) -> None:
    _begun(say)
    say("avbryt")
    assert say(yes).draft is None


@pytest.mark.parametrize("forged", ["ja", "nej", "x"])
def test_a_button_cannot_fill_in_anything_but_a_service(say: Say, database: Database, forged: str) -> None:
    say(choice=f"f:kontakta_mig:skyddade_uppgifter={forged}", municipality="sala")
    assert _answers(database) == {}


def test_a_late_tap_on_skip_erases_nothing(say: Say, database: Database) -> None:
    second = _begun(say)
    telephone = say(choice=_id(second, "Ring mig"))
    assert telephone.draft is not None
    assert telephone.draft.slot == "telefon"
    optional = say("070-174 06 33")
    old_button = _id(optional, "Hoppa över")
    say("efter klockan sexton")
    response = say(choice=old_button)
    assert _answers(database)["basta_tid"] == "efter klockan sexton"
    assert "Inget har ändrats" in _text(response)


def test_ticks_belong_to_their_own_question(say: Say, database: Database) -> None:
    opened = say(choice="f:intresseanmalan:uppdrag=kontaktperson_barn", municipality="sala")
    response = say(choice=_id(opened, "Nej"))
    seen: dict[str, Response] = {}
    while response.draft and response.draft.slot:
        slot = response.draft.slot
        seen[slot] = response
        ticks = [c.id for c in response.replies[-1].choices if ":+" in c.id]
        if len([name for name in seen if f":{name}:+" in str(seen[name])]) == 2:
            break
        if ticks:
            say(choice=ticks[0])
            response = say(choice=ticks[0].replace(ticks[0].rsplit(":", 1)[1], "*"))
        else:
            response = say("hoppa över")
    several = [slot for slot in seen if f":{slot}:+" in str(seen[slot])]
    first, second = several[0], several[1]
    before = _answers(database)[first]
    ticks_in_second = [c.id for c in seen[second].replies[-1].choices if ":+" in c.id]
    say(choice=ticks_in_second[0])
    late = [c.id for c in seen[first].replies[-1].choices if ":+" in c.id]
    say(choice=late[1])
    say(choice=late[1].rsplit(":", 1)[0] + ":*")
    after = _answers(database)[first]
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert set(before) < set(after)


def test_starting_again_asks_first_and_an_old_yes_does_nothing_to_a_new_form(say: Say, database: Database) -> None:
    _begun(say)
    asked = say("börja om")
    old_yes = _id(asked, "Ja")
    say(choice=old_yes)
    _begun(say)
    say(choice=old_yes)
    assert _answers(database) == {"skyddade_uppgifter": "nej"}


def test_a_municipality_that_has_no_groups_gets_no_application(say: Say, database: Database) -> None:
    response = say(choice="f:ansokan_kontaktgrupp", municipality="sala")
    assert response.draft is None
    assert "kan jag inte skicka till Sala kommun" in _text(response)


def test_the_summary_says_where_it_goes(say: Say) -> None:
    response = _begun(say)
    response = say(choice=_id(response, "Ring mig"))
    response = say("070-174 06 33")
    while response.draft and response.draft.slot:
        response = say("hoppa över")
    assert "Skickas till: Sala kommun" in _text(response)


def test_a_typed_municipality_goes_on_to_the_form_that_waited(say: Say) -> None:
    asked = say(choice="f:kontakta_mig")
    assert "Vilken kommun" in _text(asked)
    response = say("Vingåker")
    assert response.draft is not None
    assert response.municipality == "vingaker"


def test_a_link_does_not_move_an_open_form(say: Say) -> None:
    _begun(say)
    assert say("hjälp", municipality="kramfors").municipality == "sala"


def test_a_message_too_old_to_remember_shows_where_the_conversation_is(say: Say, dialogue_alone: Dialogue) -> None:
    opened = say(choice="f:kontakta_mig", municipality="sala", message_id="first")
    stopped = say(choice=_id(opened, "Ja"))
    assert stopped.draft is None
    again = say(choice="f:kontakta_mig", municipality="sala", message_id="first")
    assert again.replies
    assert again.draft is None


def test_what_another_version_kept_is_left_out() -> None:
    assert State.from_json({"language": "en", "a_later_field": 1}) == State(language="en")


def test_nothing_is_sent_without_the_button(say: Say, database: Database) -> None:
    response = _begun(say)
    response = say(choice=_id(response, "Ring mig"))
    response = say("070-174 06 33")
    while response.draft and response.draft.slot:
        response = say("hoppa över")
    for words in ("ja", "ok", "stämmer"):
        say(words)
    assert submissions.count(database) == 0
