"""What is kept, for how long, and who touched it.

Everything here is ordinary synchronous Python over SQLAlchemy. The modules take and give frozen dataclasses and
plain values; no mapped class, session or database error of the library underneath leaves this package.
"""
