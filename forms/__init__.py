"""Declarative forms: what is asked, how an answer is read, and how far along somebody is.

The package is pure: no database, no network, no clock. A form is a YAML file in `definitions/`; a draft is a
mapping from slot to value; everything else is computed from those two.
"""
