"""How much a button stands out: sending in a form most, an answer as usual, a way around a question least."""

ABOUT_THE_ANSWER = frozenset({"simplify", "helped"})
"""Commands that say something of an answer: they lie small beneath it."""


ASKED = frozenset({"resume", "replace", "summary", "hand_over", "decline", "register"})
"""Actions on a form that are answers like any other where the bot asks what to do."""


def weight(choice_id: str) -> str:
    """`primary`, `secondary` or `answer`, by the choice's id (see `bot/choices.py`)."""
    kind, _, rest = choice_id.partition(":")
    if kind == "c" and rest.partition(":")[0] in ABOUT_THE_ANSWER:
        return "secondary"
    if kind != "d":
        return "answer"
    action, _, detail = rest.partition(":")[2].partition(":")
    if action in ("submit", "approve"):
        return "primary"
    # Where the bot asks ("vill du avbryta?", "vilket svar vill du ändra?") its buttons are answers like any other.
    asked = action in ASKED or (action in ("change", "cancel", "restart") and detail)
    return "answer" if asked else "secondary"
