"""Tables: CSV, TSV, JSON, JSON lines, Parquet and Arrow to rows with roles."""
