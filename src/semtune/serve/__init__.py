"""Serve: search and embeddings over HTTP, with a search page. Imports neither torch nor transformers."""
