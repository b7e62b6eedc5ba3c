"""Prepare: source in, data set without leaks out."""

from semtune.prepare.audit import audit
from semtune.prepare.build import prepare
from semtune.prepare.carried import hash_verdicts
from semtune.prepare.judged import load_for_evaluation
from semtune.prepare.leaks import Leaks, leaks
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.sniff import Sniffed, sniff
from semtune.prepare.sources import Source, hash_source

__all__ = [
    "Leaks",
    "PrepareSettings",
    "Sniffed",
    "Source",
    "audit",
    "hash_source",
    "hash_verdicts",
    "leaks",
    "load_for_evaluation",
    "prepare",
    "sniff",
]
