"""Which facts a question can be filled with when somebody says several things in one sentence.

A definition marks its questions (`fact: child_name`); what a sentence says is understood elsewhere. `writer_…` is
whoever fills in, `child_…` the child that an application is about: somebody's own children are never `child_…` where
the form is not about them.
"""

from collections.abc import Mapping

FACTS: Mapping[str, tuple[str, ...]] = {
    "writer_name": ("text",),
    "writer_phone": ("phone",),
    "writer_email": ("email",),
    "writer_personnummer": ("personnummer",),
    "writer_birth_date": ("birth_date",),
    "writer_place": ("text",),
    "writer_postcode": ("postcode",),
    "writer_role": ("choice",),
    "child_name": ("text",),
    "child_personnummer": ("personnummer",),
    "child_birth_date": ("birth_date",),
    "child_age": ("age",),
    "child_school_year": ("school_year",),
    "child_school": ("text",),
    "other_guardian_name": ("text",),
    "frequency": ("choice", "multi_choice"),
    "household": ("choice",),
    "animals": ("text",),
    "languages": ("text",),
    "wished_age": ("multi_choice",),
    "service": ("choice", "multi_choice"),
    "interpreter_language": ("text",),
}
"""Each kind of fact with the types of question that it fits."""
