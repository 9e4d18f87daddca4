"""What the web chat needs around the conversation itself: cookie, protection, pages, templates and
static files.
"""
