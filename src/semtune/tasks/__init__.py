"""What embeddings are used for beside search: one folder a use. Imports neither torch nor transformers."""
