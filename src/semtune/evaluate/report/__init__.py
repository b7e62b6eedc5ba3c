"""The report of an evaluation: tables, figures, maps and costs on one page."""
