"""The Milvus back-end: documents and vectors in a collection of a Milvus database, a file or a server, given by URI."""

from semtune.index.milvus.backend import MilvusBackend

__all__ = ["MilvusBackend"]
