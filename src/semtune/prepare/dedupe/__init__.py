"""Dedupe: near duplicates, repeated passages, and texts that overlap."""
