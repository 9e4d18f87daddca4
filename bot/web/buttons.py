"""How much a button stands out: sending in a form most, an answer as usual, a way around a question least."""


def weight(choice_id: str) -> str:
    """`primary`, `secondary` or `answer`, by the choice's id (see `bot/choices.py`)."""
    kind, _, rest = choice_id.partition(":")
    if kind != "d":
        return "answer"
    action, _, detail = rest.partition(":")[2].partition(":")
    if action == "submit":
        return "primary"
    # Where the bot asks ("vill du avbryta?", "vilket svar vill du ändra?") its buttons are answers like any other.
    asked = action in ("resume", "replace", "summary") or (action in ("change", "cancel", "restart") and detail)
    return "answer" if asked else "secondary"
