"""The local back-end: SQLite holds everything, FAISS files beside it make search fast and can always be made again."""
