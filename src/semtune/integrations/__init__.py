"""Semtune in other frameworks: retrievers and embeddings for LangChain and LlamaIndex."""
