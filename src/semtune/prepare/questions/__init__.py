"""Questions: where the question of a passage comes from: headings, lists, links, clozes or a language model."""
