"""The edges where messages travel: web chat, Telegram, terminal. Each converts in, asks `respond`, converts out."""
