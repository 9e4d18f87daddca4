"""How much a button stands out: sending in a form most, an answer as usual, a way around a question least."""


def weight(choice_id: str) -> str:
    """`primary`, `secondary` or `answer`, by the choice's id (see `bot/choices.py`)."""
    kind, _, rest = choice_id.partition(":")
    if kind != "d":
        return "answer"
    action, _, detail = rest.partition(":")[2].partition(":")
    if action == "submit":
        return "primary"
    # Which answer to change is a question like any other: its buttons are the answers.
    return "answer" if action == "change" and detail else "secondary"
