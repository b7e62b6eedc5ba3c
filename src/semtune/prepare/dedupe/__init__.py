"""Dedupe: finding near duplicates, repeated passages, and training texts that overlap with held-out ones."""
