"""Search: an encoder, an index and its documents, held together by the model's fingerprint."""
