"""What the pages of all steps share: the templates, one stylesheet, plots as SVG, and the elements of a page."""
