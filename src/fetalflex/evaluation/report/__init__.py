"""Report: what an evaluation found, as JSON, Markdown, a table of images, and sheets."""
