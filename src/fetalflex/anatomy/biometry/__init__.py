"""Biometry: measures of a layout, growth charts, and edits that set a measure to a centile."""
