"""Budgets for files that come from strangers: what lies beyond is refused before it costs memory or time.

Each is far above what real annotated scans need, and low enough that a refusal takes less than two seconds and 500 MB.
Whoever has more divides the file.
"""

from __future__ import annotations

MAX_XML_BYTES = 64 * 2**20
MAX_TEXT_BYTES = 64 * 2**20
"""Text of labels and tables, and all parts of a spreadsheet together after unpacking."""

MAX_JSON_BYTES = 256 * 2**20
MAX_IMAGE_BYTES = 512 * 2**20
MAX_NAMES_BYTES = 2**20
"""Lists of class names."""

MAX_YAML_BYTES = 100_000

MAX_ELEMENTS = 2_000_000
"""Tags of an XML file or JSON objects and lists."""

MAX_VALUES = 10_000_000
"""Values of a JSON file."""

MAX_SPREADSHEET_TAGS = 6_000_000
MAX_SHEETS = 64
MAX_ROWS = 1_000_000
MAX_COLUMNS = 256
MAX_CELLS = 5_000_000

MAX_BOXES = 1000
"""Boxes of one image; the same number as a layout holds."""

MAX_CORNERS = 100_000
"""Corners of one polygon."""

MAX_COORDINATE = 1e9
MAX_RUNS = 4_000_000
"""Runs of one run-length encoded mask."""

MAX_CLASSES = 10_000
MAX_MASK_PIXELS = 16_000_000
MAX_MASK_VALUES = 256
"""Values of one mask that have a name."""

MAX_DRAWN_PIXELS = 1_000_000
"""Pixels of a drawn outline."""

MAX_EXTRA_BYTES = 100_000
"""Further fields of one image, as JSON text."""

MAX_DIGITS = 18
"""Digits of a whole number that stands for an id, a class, a frame or a patient."""
