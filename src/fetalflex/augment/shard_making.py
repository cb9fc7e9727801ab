"""The making of a shard: attempt after attempt, until each of its samples has an image or no attempts are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fetalflex.augment.checking import DUPLICATE, Checker, Kept
from fetalflex.augment.progress import Finished, Progress, Rejection
from fetalflex.augment.rounds import Duplicates, last_round
from fetalflex.augment.shard_files import Shard, read_shard
from fetalflex.augment.synthesising import Draft, Synthesiser, Tell, after
from fetalflex.data.image_files import decode_image, encode_png
from fetalflex.evaluation.copies.grey_vectors import grey_vector


@dataclass(frozen=True)
class ShardMaker:
    """Make shards: each depends on plan, data and model alone, not on other shards or on who makes it.

    Args:
        synthesiser: Makes images.
        checker: Judges them.
        root: Folder of the data set.
    """

    synthesiser: Synthesiser
    checker: Checker
    root: Path

    def make(self, shard: Shard, rounds: list[Duplicates], tell: Tell) -> list[Progress]:
        """Return the progress of all samples of a shard, with every round of decisions carried out.

        What the shard on disk has already is taken from there.

        Args:
            shard: What to make.
            rounds: Decisions on duplicates so far.
            tell: Told how many samples are done.
        """
        progress, done = self._before(shard)
        if not progress:
            progress = [Progress(sample, self.checker.checks.attempts) for sample in shard.samples]
            self._fill(progress, tell)
        for duplicates in rounds[done:]:
            doubled = [one for one in progress if one.finished and one.sample.number in duplicates]
            for one in doubled:
                one.reject(DUPLICATE, f"of {duplicates[one.sample.number]:06d}")
            if doubled:
                self._fill(progress, tell)
        return progress

    def kept(self, shard: Shard) -> list[Kept]:
        """Return what the images of a shard on disk are compared by."""
        progress, _ = self._before(shard)
        return [kept for one in progress if (kept := one.kept) is not None]

    def _fill(self, progress: list[Progress], tell: Tell) -> None:
        """Try all samples without an image, in batches by their order; then those that failed again, and so on."""
        size = self.synthesiser.batch_size
        while waiting := [one for one in progress if one.is_waiting]:
            for start in range(0, len(waiting), size):
                batch = waiting[start : start + size]
                done = sum(one.finished is not None for one in progress)
                drafts = self.synthesiser.drafts([(one.tried, one.attempt) for one in batch], after(done, tell))
                for one, draft in zip(batch, drafts, strict=True):
                    self._judge(one, draft, progress)
        tell(len(progress))

    def _judge(self, one: Progress, draft: Draft, progress: Sequence[Progress]) -> None:
        kept = [kept for other in progress if (kept := other.kept) is not None]
        made = draft.synthesis
        verdict = self.checker.judge(one.tried, made.image, draft.source, made.roi_mask, kept)
        if verdict.reason is not None:
            one.reject(verdict.reason, verdict.detail)
            return
        text = made.metadata() | {f"FetalFlex:{name}": value for name, value in one.tried.labels.items()}
        text["FetalFlex:source"] = one.tried.record.file_name
        png = encode_png(made.image, text)
        one.finished = Finished(png, made.seed, made.prompt, verdict.numbers, verdict.vector)

    def _before(self, shard: Shard) -> tuple[list[Progress], int]:
        """Return the progress that a shard on disk holds, and how many rounds have been carried out; none without."""
        content = read_shard(self.root, shard)
        if content is None:
            return [], 0
        progress = []
        for sample, line in zip(shard.samples, content.lines, strict=True):
            rejected = [Rejection(**rejection) for rejection in line["rejected"]]
            one = Progress(sample, self.checker.checks.attempts, rejected)
            if "seed" in line:
                png = (self.root / shard.folder / sample.file).read_bytes()
                vector = grey_vector(decode_image(png, sample.file), self.synthesiser.roi_mask(one.tried))
                one.finished = Finished(png, line["seed"], line["prompt"], line["checks"], vector)
            progress.append(one)
        return progress, content.round


def is_missing(root: Path, shard: Shard, rounds: list[Duplicates]) -> bool:
    """Say whether a shard is yet to be made, or made again after the last decision on it."""
    content = read_shard(root, shard)
    return content is None or content.round < last_round(rounds, [sample.number for sample in shard.samples])
