"""The edges where messages travel: web chat, Telegram and terminal. Each only converts in, asks `respond`, converts out."""
