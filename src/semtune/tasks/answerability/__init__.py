"""What a chatbot needs beside search: a context of the passages, citations, and questions that stand alone."""
