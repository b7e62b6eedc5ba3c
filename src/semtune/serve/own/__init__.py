"""Semtune's own API: search, documents, feedback, health, and the operators' routes."""
