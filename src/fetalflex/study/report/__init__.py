"""What came out of a study: numbers, charts, tables, and a page that shows them."""
