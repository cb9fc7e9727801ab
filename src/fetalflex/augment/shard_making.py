"""The making of a shard: attempt after attempt, until each of its images is there or no attempts are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fetalflex.augment.checking import DUPLICATE, Checker
from fetalflex.augment.copies import Kept
from fetalflex.augment.outcomes import Attempts, Finished
from fetalflex.augment.shards import Duplicates, Shard, read_shard
from fetalflex.augment.synthesising import Draft, Synthesiser
from fetalflex.data.image_files import decode_image, encode_png
from fetalflex.evaluation.copies.grey_vectors import grey_vector
from fetalflex.progress import OnProgress, counting_from


@dataclass(frozen=True)
class ShardMaker:
    """Makes shards: each depends on plan, data and model alone, not on other shards or on who makes it.

    Args:
        synthesiser: Makes images.
        checker: Judges them.
        root: Folder of the data set.
    """

    synthesiser: Synthesiser
    checker: Checker
    root: Path

    def make(self, shard: Shard, rounds: list[Duplicates], tell: OnProgress) -> list[Attempts]:
        """Return the attempts at all images of a shard, with every round of decisions carried out.

        What the shard on disk has already is taken from there.

        Args:
            shard: What to make.
            rounds: Decisions on duplicates so far.
            tell: Told how many images are done.
        """
        attempts, done = self._before(shard)
        if not attempts:
            attempts = [Attempts(image, self.checker.checks.attempts) for image in shard.images]
            self._fill(attempts, tell)
        for duplicates in rounds[done:]:
            doubled = [one for one in attempts if one.finished and one.image.number in duplicates]
            for one in doubled:
                one.reject(DUPLICATE, f"of {duplicates[one.image.number]:06d}")
            if doubled:
                self._fill(attempts, tell)
        return attempts

    def kept(self, shard: Shard) -> list[Kept]:
        """Return what the images of a shard on disk are compared by."""
        attempts, _ = self._before(shard)
        return [kept for one in attempts if (kept := one.kept) is not None]

    def _fill(self, attempts: list[Attempts], tell: OnProgress) -> None:
        """Try all images that are missing, in batches by their order; then those that failed again, and so on."""
        size = self.synthesiser.batch_size
        while waiting := [one for one in attempts if one.is_waiting]:
            for start in range(0, len(waiting), size):
                batch = waiting[start : start + size]
                done = sum(one.finished is not None for one in attempts)
                drafts = self.synthesiser.drafts([(one.tried, one.number) for one in batch], counting_from(done, tell))
                for one, draft in zip(batch, drafts, strict=True):
                    self._judge(one, draft, attempts)
        tell(len(attempts))

    def _judge(self, one: Attempts, draft: Draft, others: Sequence[Attempts]) -> None:
        kept = [kept for other in others if (kept := other.kept) is not None]
        made = draft.synthesis
        verdict = self.checker.judge(one.tried, made.image, draft.source, made.roi_mask, kept)
        if verdict.reason is not None:
            one.reject(verdict.reason, verdict.detail)
            return
        text = made.metadata() | {f"FetalFlex:{name}": value for name, value in one.tried.labels.items()}
        text["FetalFlex:source"] = one.tried.record.file_name
        png = encode_png(made.image, text)
        one.finished = Finished(png, made.seed, made.prompt, verdict.numbers, verdict.vector)

    def _before(self, shard: Shard) -> tuple[list[Attempts], int]:
        """Return the attempts that a shard on disk holds, and how many rounds have been carried out; none without."""
        content = read_shard(self.root, shard)
        if content is None:
            return [], 0
        attempts = []
        for outcome in content.outcomes:
            one = Attempts(outcome.image, self.checker.checks.attempts, list(outcome.rejected))
            if (made := outcome.made) is not None:
                png = (self.root / shard.folder / outcome.image.file).read_bytes()
                region = self.synthesiser.roi_mask(outcome.candidate)
                vector = grey_vector(decode_image(png, outcome.image.file), region)
                one.finished = Finished(png, made.seed, made.prompt, made.checks, vector)
            attempts.append(one)
        return attempts, content.round
