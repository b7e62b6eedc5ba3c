"""Files: bytes to text, archives, and the processes that read many files at once."""
