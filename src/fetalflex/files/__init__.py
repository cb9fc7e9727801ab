"""What is on disk, whoever owns it: files and folders written whole or not at all, and locks on folders.

Nothing here knows what the files mean. Three rules hold for everything that the product writes:

1. A file or folder appears complete, and on disk, or not at all.
2. A folder is replaced only if its marker says that FetalFlex wrote this kind of folder there, and it holds nothing
   else. Data of other people are never deleted, whatever a command is told.
3. Two commands do not write into one folder at the same time; what a killed process has left behind is removed by the
   next one, what a living process is writing is not.
"""

from fetalflex.files.folders import FolderKind, check_no_file_in_the_way, check_replaceable, new_folder, reserved
from fetalflex.files.leftovers import is_leftover, remove_leftovers
from fetalflex.files.locks import locked
from fetalflex.files.markers import MARKER, check_claimable, claim, foreign_in, is_empty, kind_at, release_empty
from fetalflex.files.outputs import check_not_inside, check_not_read, check_outputs
from fetalflex.files.together import writing_together
from fetalflex.files.writing import naming_failures, replacing, replacing_file, write_bytes, write_text

__all__ = [
    "MARKER",
    "FolderKind",
    "check_claimable",
    "check_no_file_in_the_way",
    "check_not_inside",
    "check_not_read",
    "check_outputs",
    "check_replaceable",
    "claim",
    "foreign_in",
    "is_empty",
    "is_leftover",
    "kind_at",
    "locked",
    "naming_failures",
    "new_folder",
    "release_empty",
    "remove_leftovers",
    "replacing",
    "replacing_file",
    "reserved",
    "write_bytes",
    "write_text",
    "writing_together",
]
