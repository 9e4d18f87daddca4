"""What Kontakt survives, shown: kills at every step of a turn, messages in any order, and a long steady load.

Run with `python -m reliability`; what was found is written to docs/reliability.md. Nothing of this is part of Kontakt.
"""
