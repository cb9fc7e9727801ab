"""Folders of the local hub cache, and fetching into it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants

from fetalflex.errors import FetalFlexError
from fetalflex.models.loading import first_line

_NAME = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[A-Za-z0-9][\w./-]*))?")


@dataclass(frozen=True)
class HubName:
    """Name a repository on the hub.

    Args:
        repo: `owner/name`.
        revision: Branch, tag, commit or `refs/pr/N`.
    """

    repo: str
    revision: str = "main"

    @classmethod
    def parse(cls, text: str) -> HubName | None:
        """Read `owner/name` or `owner/name@revision`; None if it is neither."""
        match = _NAME.fullmatch(text)
        if match is None or ".." in text:
            return None
        return cls(match["repo"], match["revision"] or "main")

    @property
    def cache_folder(self) -> Path:
        """Return where the hub's own library keeps this repository, whether it is there or not."""
        return Path(constants.HF_HUB_CACHE) / f"models--{self.repo.replace('/', '--')}"

    def snapshot(self) -> Path | None:
        """Return the folder of the cached revision, which may hold only some of its files; None if there is none."""
        try:
            found = huggingface_hub.snapshot_download(
                self.repo, revision=self.revision, cache_dir=constants.HF_HUB_CACHE, local_files_only=True
            )
        except (huggingface_hub.errors.LocalEntryNotFoundError, OSError, ValueError):
            return None
        return Path(found)

    def fetch(self, files: Iterable[str]) -> None:
        """Fetch files into the cache; what the repository does not hold is left out.

        Raises:
            FetalFlexError: If the repository cannot be reached.
        """
        try:
            huggingface_hub.snapshot_download(
                self.repo, revision=self.revision, cache_dir=constants.HF_HUB_CACHE, allow_patterns=list(files)
            )
        except Exception as error:  # the hub's library raises many kinds, its network library others
            raise FetalFlexError(
                f"{self.repo} (revision {self.revision}) cannot be fetched: {first_line(error)}; check the network and "
                f"the name, and that its owner lets you read it, or give a local folder"
            ) from error

    def fetch_command(self, files: Iterable[str]) -> str:
        """Return the command that fetches files into the cache."""
        revision = "" if self.revision == "main" else f" --revision {self.revision}"
        return f"hf download {self.repo} {' '.join(files)}{revision}"
