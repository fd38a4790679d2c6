"""Messages are put together from clauses: a cure begins a sentence in an error, and follows ``GeeTest: `` in a log line."""

from __future__ import annotations


def sentence(clause: str) -> str:
    """*clause* with a capital letter."""
    return clause[:1].upper() + clause[1:]


def clause(sentence: str) -> str:
    """*sentence* without its capital letter and its full stop."""
    return sentence[:1].lower() + sentence[1:].rstrip(".")
