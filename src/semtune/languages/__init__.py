"""Languages: their codes and names, their commonest words, and which one a text is in."""
