"""After sending: what was sent in from here, how it goes with it, what is added or taken back."""
