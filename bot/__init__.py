"""The resident's side: one message in, replies out, on every channel."""
