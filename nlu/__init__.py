"""Understanding text: the client of the NLU process, its training and start, and language detection."""
