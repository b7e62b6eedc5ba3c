"""A server of the Model Context Protocol: chatbots search an index with it. Imports neither torch nor FastAPI."""
