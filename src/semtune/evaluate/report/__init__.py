"""The report of an evaluation: verdict, tables, figures, examples and costs on one page."""
