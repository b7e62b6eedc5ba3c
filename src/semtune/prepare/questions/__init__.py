"""Questions: what asks for a passage, from headings, lists, links, clozes or a language model."""
