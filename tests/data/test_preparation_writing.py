"""A prepared folder is written wholly or not at all, and replaces nothing by accident."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from data_helpers import save_text
from preparation_helpers import files_in, noise, prepare_table, row, write_rows

from fetalflex.data import DatasetFolder
from fetalflex.errors import FetalFlexError
from fetalflex.progress import OnProgress, Show

pytestmark = pytest.mark.usefixtures("quick")


def telling(step: Callable[[str, float, int | None], None]) -> Show:
    """Return a display that hands on what is done, how many images and of how many."""

    @contextmanager
    def show(what: str, total: int | None) -> Iterator[OnProgress]:
        yield lambda done: step(what, done, total)

    return show


class TestWriting:
    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
    @pytest.mark.parametrize("step", ["checking", "writing"])
    def test_an_interruption_leaves_nothing_behind(self, source, error, step):
        def interrupt(what: str, done: float, total: int | None) -> None:
            if (what, done) == (step, 6):
                raise error

        with pytest.raises(error):
            prepare_table(source, show=telling(interrupt))
        assert [path.name for path in source.parent.iterdir()] == ["scans"]

    def test_an_interruption_leaves_the_old_folder(self, source):
        prepare_table(source)
        before = files_in(source.parent / "out")

        def interrupt(what: str, done: float, total: int | None) -> None:
            if what == "writing":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            prepare_table(source, force=True, seed=5, show=telling(interrupt))
        assert files_in(source.parent / "out") == before
        assert len(list(source.parent.iterdir())) == 2

    def test_an_existing_folder_is_replaced_by_force_alone(self, source):
        prepare_table(source)
        write_rows(source, [row("00.png")])
        with pytest.raises(FetalFlexError, match="already there and not empty"):
            prepare_table(source)
        assert len(DatasetFolder(source.parent / "out")) == 12
        prepare_table(source, force=True)
        assert len(DatasetFolder(source.parent / "out")) == 1
        assert len(list((source.parent / "out" / "images").iterdir())) == 1

    def test_what_is_no_data_set_is_never_replaced(self, source):
        save_text(source.parent / "out" / "thesis.txt", "years of work")
        with pytest.raises(FetalFlexError, match="is not a data set that FetalFlex wrote, so it is not replaced"):
            prepare_table(source, force=True)
        assert (source.parent / "out" / "thesis.txt").exists()

    def test_whether_the_folder_is_free_is_checked_before_the_images(self, source):
        save_text(source.parent / "out" / "file", "")

        def fail(*_: object) -> None:
            raise AssertionError("the source was read")

        with pytest.raises(FetalFlexError, match="already there"):
            prepare_table(source, show=telling(fail))

    @pytest.mark.parametrize("out", ["scans", "scans/out", ".", "scans/../scans/deep/er"])
    def test_source_and_folder_must_be_apart(self, source, out):
        before = files_in(source)
        with pytest.raises(FetalFlexError, match=r"lies in the source|holds the source"):
            prepare_table(source, out, force=True)
        assert files_in(source) == before

    def test_an_image_that_changes_meanwhile_is_noticed(self, source):
        def change(what: str, done: float, total: int | None) -> None:
            if (what, done) == ("writing", 1):
                noise(source / "11.png", 1234)

        with pytest.raises(FetalFlexError, match=r"11\.png has changed while the data set was being made"):
            prepare_table(source, show=telling(change))
        assert not (source.parent / "out").exists()

    def test_progress_counts_every_image_twice(self, source):
        told: list[tuple[str, int, int | None]] = []
        prepare_table(source, show=telling(lambda *step: told.append(step)))
        assert told == [("checking", n, None) for n in range(1, 13)] + [("writing", n, 12) for n in range(1, 13)]
