"""Why an answer could not be taken: a wording key with its parameters, never a sentence."""

from collections.abc import Mapping

ERROR_KEYS: Mapping[str, tuple[str, ...]] = {
    "answer.empty": (),
    "answer.text.too_long": ("maximum", "length"),
    "answer.text.too_short": ("minimum",),
    "answer.text.no_letters": (),
    "answer.choice.unknown": ("count",),
    "answer.choice.ambiguous": ("matches",),
    "answer.choices.unknown": ("part", "count"),
    "answer.choices.too_few": ("minimum",),
    "answer.choices.too_many": ("maximum",),
    "answer.yes_no.invalid": (),
    "answer.date.invalid": (),
    "answer.date.ambiguous": (),
    "answer.date.impossible": ("given",),
    "answer.date.no_year": (),
    "answer.date.no_day": ("given",),
    "answer.birth_date.future": (),
    "answer.birth_date.only_year": (),
    "answer.birth_date.age": (),
    "answer.birth_date.too_old": (),
    "answer.age.invalid": (),
    "answer.age.unclear": (),
    "answer.phone.invalid": (),
    "answer.phone.several": (),
    "answer.email.invalid": (),
    "answer.email.several": (),
    "answer.personnummer.invalid": (),
    "answer.personnummer.incomplete": (),
    "answer.personnummer.wrong_digit": (),
    "answer.personnummer.future": (),
    "answer.postcode.invalid": (),
    "answer.school_year.invalid": (),
    "answer.school_year.age": (),
}
"""Every key an AnswerError can carry, with the names of its parameters."""


class AnswerError(Exception):
    """A text that the question cannot take.

    `key` is a wording key and `params` fill its sentence. Its own text is the key alone, so that what
    somebody wrote never reaches a log.
    """

    def __init__(self, key: str, **params: str | int) -> None:
        if key not in ERROR_KEYS or set(ERROR_KEYS[key]) != set(params):
            raise ValueError(f"not in ERROR_KEYS: {key} with {', '.join(params) or 'no parameters'}")
        super().__init__(key)
        self.key = key
        self.params = params
