"""Make a labelled data set from a plan, or go on with one."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from fetalflex.anatomy.anomalies import AnomalyLibrary, default_library
from fetalflex.augment.checking import Checker
from fetalflex.augment.copies import RealRegions, find_duplicates
from fetalflex.augment.finishing import finish, read_outcomes, total_seconds
from fetalflex.augment.manifest import check_folder, manifest_of, write_manifest
from fetalflex.augment.plan import Plan
from fetalflex.augment.planned import PlannedImage
from fetalflex.augment.planning import plan_images
from fetalflex.augment.report import Report
from fetalflex.augment.shard_making import ShardMaker
from fetalflex.augment.shards import (
    SHARD_FILE,
    Duplicates,
    Shard,
    clear_remains,
    is_missing,
    last_round,
    read_rounds,
    seconds_of,
    split_into_shards,
    write_round,
    write_shard,
)
from fetalflex.augment.synthesising import Synthesiser
from fetalflex.checks import whole_number
from fetalflex.compute.processes import Processes, joined
from fetalflex.data import Dataset
from fetalflex.files import locked
from fetalflex.files.json_files import JsonObject
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.progress import OnProgress, Show, counting_from, show_nothing, tell_nobody


def augment(
    dataset: Dataset,
    plan: Plan,
    out: Path | str,
    pipeline: FetalFlexPipeline,
    library: AnomalyLibrary | None = None,
    *,
    images: Sequence[PlannedImage] | None = None,
    allow_synthetic: bool = False,
    batch_size: int = 4,
    processes: Processes | None = None,
    show: Show = show_nothing,
) -> Report:
    """Make the data set that a plan describes, or finish one that was interrupted.

    The folder opens as a `DatasetFolder` once it is complete. Its shards are written wholly or not at all; those that
    are there and match their digests are kept. Which images it holds depends on plan, data and model, not on the
    number of processes; of the batch size it is independent up to rounding.

    Args:
        dataset: Real images with layouts.
        plan: What to make.
        out: Folder to write to.
        pipeline: The model.
        library: Anomalies; the built-in ones by default.
        images: What `plan_images` gave for these arguments, if it was called before.
        allow_synthetic: Take synthetic images as sources too; else they are left out.
        batch_size: Images that are computed together.
        processes: Those that share the work; by default those that were launched together.
        show: Shows progress.

    Raises:
        FetalFlexError: If the plan does not fit the data, or `out` holds something else.
        OtherProcessFailed: If another process failed.

    Example:
        >>> pipeline = FetalFlexPipeline.from_pretrained("weights/mini")                            # doctest: +SKIP
        >>> augment(DatasetFolder(Path("data")), load_plan("plan.yaml"), "out/set", pipeline)       # doctest: +SKIP
    """
    whole_number(batch_size, "batch_size", 1, 4096)
    if images is None:
        images = plan_images(dataset, plan, pipeline.registry, library or default_library(), allow_synthetic)
    with nullcontext(processes) if processes else joined() as processes:
        return _Run.of(dataset, plan, images, Path(out), pipeline, batch_size, processes, show).run()


@dataclass(frozen=True)
class _Run:
    """Makes a set with this process's share of the shards."""

    root: Path
    dataset: Dataset
    shards: list[Shard]
    maker: ShardMaker
    manifest: JsonObject
    processes: Processes
    show: Show

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        plan: Plan,
        images: Sequence[PlannedImage],
        root: Path,
        pipeline: FetalFlexPipeline,
        batch_size: int,
        processes: Processes,
        show: Show,
    ) -> _Run:
        registry = pipeline.registry
        real = RealRegions(dataset, {entry.split for entry in plan.entries}, registry)
        maker = ShardMaker(Synthesiser(pipeline, dataset, plan, batch_size), Checker(plan.checks, registry, real), root)
        manifest = manifest_of(dataset, plan, images, pipeline.identity, registry)
        return cls(root, dataset, split_into_shards(images, plan.shard_size), maker, manifest, processes, show)

    def run(self) -> Report:
        with locked(self.root) if self.processes.main else nullcontext():
            return self._run()

    def _run(self) -> Report:
        check_folder(self.root, self.manifest)
        digest = hashlib.sha256(json.dumps(self.manifest, sort_keys=True).encode()).hexdigest()
        self.processes.check_same("plan, data or model", digest)
        with self.processes.main_first():
            if self.processes.main:
                write_manifest(self.root, self.manifest)
                clear_remains(self.root, self.shards)
        while True:
            rounds = read_rounds(self.root)
            self._make_missing(rounds)
            self.processes.wait()
            decided = self.processes.main and self._decide(rounds)
            if not self.processes.agree(decided, 0.0)[0]:
                break
        pipeline = self.maker.synthesiser.pipeline
        outcomes = read_outcomes(self.root, self.shards)
        report = Report(self.root, pipeline.identity, outcomes, total_seconds(self.root, self.shards), len(rounds))
        if self.processes.main:
            finish(report, self.dataset, self.shards, pipeline.registry)
        self.processes.wait()
        return report

    def _make_missing(self, rounds: list[Duplicates]) -> None:
        missing = [shard for shard in self.shards if is_missing(self.root, shard, rounds)]
        stamps = [self._stamp(shard) for shard in missing]
        self.processes.wait()  # all have looked before one of them writes
        mine = missing[self.processes.index :: self.processes.count]
        with self._bar(is_shown=self.processes.main and bool(mine)) as bar:
            for shard in mine:
                started = time.monotonic()
                attempts = self.maker.make(shard, rounds, counting_from(self._done(missing, stamps), bar))
                round_ = last_round(rounds, [image.number for image in shard.images])
                seconds = seconds_of(self.root, shard) + time.monotonic() - started
                write_shard(self.root, shard, attempts, round_, seconds)

    def _bar(self, is_shown: bool) -> AbstractContextManager[OnProgress]:
        if not is_shown:
            return nullcontext(tell_nobody)
        return self.show("synthesising", sum(len(shard.images) for shard in self.shards))

    def _done(self, missing: Sequence[Shard], stamps: Sequence[int]) -> int:
        """Return how many images are done, in the shards that were missing by whichever process."""
        waiting = zip(missing, stamps, strict=True)
        left = sum(len(shard.images) for shard, stamp in waiting if self._stamp(shard) == stamp)
        return sum(len(shard.images) for shard in self.shards) - left

    def _stamp(self, shard: Shard) -> int:
        """Return when a shard was written, 0 if it is not there."""
        try:
            return (self.root / shard.folder / SHARD_FILE).stat().st_mtime_ns
        except OSError:
            return 0

    def _decide(self, rounds: list[Duplicates]) -> bool:
        """Find near-copies across shards, and write down what is to be made again; say whether there is anything."""
        limit = self.maker.checker.checks.duplicate_correlation
        if limit is None or len(self.shards) == 1:
            return False
        kept = [kept for shard in self.shards for kept in self.maker.kept(shard)]
        if duplicates := find_duplicates(kept, limit):
            write_round(self.root, len(rounds) + 1, duplicates)
        return bool(duplicates)
