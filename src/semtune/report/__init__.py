"""What the pages of all steps share: the look, plots as SVG, and a few parts."""
