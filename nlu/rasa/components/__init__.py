"""Kontakt's own Rasa graph components: embedding, classifier, distance check and lexicon entities."""
