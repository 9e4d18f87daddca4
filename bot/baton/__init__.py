"""The baton: an application that a professional hands over to guardians, by link and code or on paper."""
