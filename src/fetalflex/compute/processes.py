"""The processes that share one job, a training run or the making of a data set, and what they tell each other."""

from __future__ import annotations

import hashlib
import itertools
import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from rich.console import Console
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from fetalflex.compute.device import choose_device
from fetalflex.errors import FetalFlexError, OtherProcessFailed

_LAUNCHED = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
_LONGEST_WAIT = timedelta(days=7)  # for the main process to validate; one that ends is noticed at once
_BUCKET = 2**24  # elements that are summed at a time, 64 MiB
_joined_before = itertools.count()


class Processes:
    """The processes that share one job, each on a GPU or on CPU threads of its own.

    How many there are changes nothing but the speed. All hold the same weights. A training step's batch is the same
    for any number of them, and so is its division into parts: N processes with `accumulation` A compute the parts that
    one process with `accumulation` N·A computes one after the other, from the same random numbers; gradients are added
    up, and all take the same step. Results agree up to the rounding of that sum.

    The main process alone writes and shows. The others wait for it in the next exchange.

    Args:
        index: Which of the processes this is, from 0; the first is the main one.
        count: How many there are.
        local_index: Which of those on the same machine this is.
        group: How they exchange numbers in CPU memory; None for one process alone.
    """

    def __init__(
        self, index: int = 0, count: int = 1, local_index: int = 0, group: dist.ProcessGroup | None = None
    ) -> None:
        self.index = index
        self.count = count
        self.local_index = local_index
        self._group = group
        self._gradient_group = group

    @property
    def main(self) -> bool:
        """Whether this is the process that writes and shows."""
        return self.index == 0

    def console(self, console: Console | None) -> Console:
        """Return where to show progress: the console given, or stderr; nowhere unless this is the main process."""
        if not self.main:
            return Console(quiet=True)
        return console or Console(stderr=True)

    def take_device(self, name: str) -> torch.device:
        """Return the device on which this process computes: of several processes each has a GPU of its own.

        Args:
            name: See `choose_device`; of several processes, `auto` and `cuda` give each the GPU of its local index.

        Raises:
            FetalFlexError: If torch cannot compute there, or the machine has fewer GPUs than processes.
        """
        if self.count == 1:
            return choose_device(name)
        if name in {"auto", "cuda"} and torch.cuda.is_available():
            if self.local_index >= torch.cuda.device_count():
                raise FetalFlexError(
                    f"device {name!r}: there are {torch.cuda.device_count()} GPUs on this machine and more processes; "
                    "start one process per GPU, or set device to cpu"
                )
            name = f"cuda:{self.local_index}"
        elif name not in {"auto", "cpu", "cuda"}:
            raise FetalFlexError(f"device {name!r}: with several processes, choose auto, cpu or cuda")
        device = choose_device(name)
        self.check_same("kind of device", device.type)
        if device.type == "cuda":
            torch.cuda.set_device(device)
            self._gradient_group = _new_group("nccl")
        return device

    def parts(self, accumulation: int, batch: int) -> tuple[range, int]:
        """Return which parts of a batch are this process's, and into how many the batch is divided in all.

        Args:
            accumulation: Parts per process.
            batch: Number of images, at least one per process.
        """
        total = min(accumulation * self.count, batch)
        return range(self.index * total // self.count, (self.index + 1) * total // self.count), total

    def check_batch(self, batch_size: int, accumulation: int) -> None:
        """Raise FetalFlexError unless a batch can be divided evenly among the processes and their parts."""
        if batch_size % (self.count * accumulation):
            raise FetalFlexError(
                f"batch_size {batch_size} cannot be divided among {self.count} processes with accumulation "
                f"{accumulation}; choose a multiple of {self.count * accumulation}"
            )

    def check_same(self, what: str, value: str) -> None:
        """Raise FetalFlexError, on all processes, unless they all give the same value."""
        number = float(int.from_bytes(hashlib.sha256(value.encode()).digest()[:6], "little"))
        largest, smallest = self._exchange([number, -number], dist.ReduceOp.MAX)
        if largest != -smallest:
            raise FetalFlexError(
                f"{what}: not the same for all {self.count} processes; they need the same command, the same versions, "
                "and on all machines the same files under the same paths, the folder of the results included"
            )

    def agree(self, stop: bool, seconds: float) -> tuple[bool, float]:
        """Return whether any process was told to stop, and the time that the main process has counted."""
        stops, seconds = self._exchange([float(stop), seconds if self.main else 0.0], dist.ReduceOp.SUM)
        return stops > 0, seconds

    def wait(self) -> None:
        """Wait until all processes are here."""
        self._exchange([0.0], dist.ReduceOp.SUM)

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Let the main process go through the block before the others."""
        if not self.main:
            self.wait()
        yield
        if self.main:
            self.wait()

    @torch.no_grad()
    def add_up(self, parameters: Sequence[nn.Parameter], numbers: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add up gradients, in place and in their memory layout, and numbers over all processes.

        A parameter without gradient on every process keeps none, so that the optimiser leaves it alone as it would
        in one process.

        Args:
            parameters: The same on all processes, float32.
            numbers: Scalars, under the same names on all processes.
        """
        if self.count == 1:
            return numbers
        found = self._exchange([float(p.grad is not None) for p in parameters], dist.ReduceOp.MAX)
        trained = [parameter for parameter, somewhere in zip(parameters, found, strict=True) if somewhere]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        stacked = torch.stack([number.to(gradients[0]) for number in numbers.values()])
        for bucket in _buckets([*gradients, stacked]):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            with _connected():
                dist.all_reduce(flat, group=self._gradient_group)
            for tensor, summed in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(summed.view(tensor.shape))
        for parameter, gradient in zip(trained, gradients, strict=True):
            parameter.grad = gradient
        return dict(zip(numbers, stacked, strict=True))

    def leave(self) -> None:
        """Leave the others: nothing more can be exchanged.

        A group of torch has threads that may still hold what was sent last. They end with the group, and have to
        before the interpreter does: one that lets go of a tensor while it ends aborts the process.
        """
        group, gradient_group = self._group, self._gradient_group
        self._group = self._gradient_group = None
        if gradient_group is not group:  # NCCL's, whose end the others may have to attend
            self._gradient_group = gradient_group
        if group is not None and dist.is_initialized():
            dist.destroy_process_group(group)

    def _exchange(self, values: Sequence[float], reduction: dist.ReduceOp.RedOpType) -> list[float]:
        """Return sums or maxima over all processes of as many numbers from each; all have to call it alike."""
        if self.count == 1:
            return list(values)
        message = torch.tensor(values, dtype=torch.float64)
        with _connected():
            dist.all_reduce(message, reduction, group=self._group)
        return message.tolist()


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the processes that `accelerate launch` or `torchrun` started with this one; one by itself is alone.

    An error on one process ends the block on all: that process raises it, the others `OtherProcessFailed`, so that it
    is told once.

    Raises:
        FetalFlexError: If accelerate was asked for several processes and started one.
        OtherProcessFailed: If another process failed first.
    """
    if not os.environ.keys() >= _LAUNCHED or os.environ["WORLD_SIZE"] == "1":
        _check_alone()
        yield Processes()
        return
    store, index, count = next(iter(rendezvous("env://")))
    store = dist.PrefixStore(f"fetalflex/{next(_joined_before)}", store)
    join = not dist.is_initialized()  # by the script that calls
    if join:
        dist.init_process_group("gloo", store=dist.PrefixStore("group", store), rank=index, world_size=count)
    local_index = int(os.environ.get("LOCAL_RANK", index))
    processes = Processes(index, count, local_index, _new_group("gloo", _LONGEST_WAIT))
    try:
        yield processes
    except BaseException as error:
        first = _first_to_fail(store, index)
        processes.leave()
        if first != index:
            raise OtherProcessFailed(f"process {first} failed, and says why") from error
        raise
    processes.leave()
    if join:
        dist.destroy_process_group()


def _check_alone() -> None:
    """Refuse what accelerate starts when asked for several processes without --multi_gpu: one, or some unconnected."""
    if "ACCELERATE_USE_CPU" in os.environ and "MASTER_ADDR" in os.environ:
        raise FetalFlexError(
            "accelerate launch was asked for several processes and started one; give it --multi_gpu, on the CPU too, "
            "there in the place of --cpu and with --device cpu for fetalflex"
        )


def _new_group(backend: str, timeout: timedelta | None = None) -> dist.ProcessGroup:
    group = dist.new_group(backend=backend, timeout=timeout)
    assert isinstance(group, dist.ProcessGroup)  # all are members
    return group


def _first_to_fail(store: dist.Store, index: int) -> int:
    """Return which process failed first, as far as this one, which has failed too, can tell."""
    try:
        return int(store.compare_set("failed", "", str(index)))
    except RuntimeError:  # the store went down with its process
        return index


@contextmanager
def _connected() -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # torch's hold on to the group: see `Processes.leave`
        if not isinstance(error, RuntimeError):
            raise
        raise FetalFlexError(
            "the connection to another process is lost: it was killed, or ran out of memory, or its machine cannot be "
            "reached; the same command continues from what was saved"
        ) from error


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Return the tensors, in their order, in groups of limited size; a larger tensor is alone."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and sum(t.numel() for t in bucket) + tensor.numel() > _BUCKET:
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket
