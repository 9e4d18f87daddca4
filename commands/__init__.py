"""The commands of `kontakt`, one module for each kind of person who uses them."""
