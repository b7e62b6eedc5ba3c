"""Contracts that plug-ins are tested against; filled in as plug-ins arrive."""
