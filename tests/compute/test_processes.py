from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from fetalflex.compute.processes import Processes, joined
from fetalflex.errors import FetalFlexError
from joined_threads import together


def test_gradients_keep_their_memory_layout_and_those_missing_everywhere_stay_so() -> None:
    def summed(processes: Processes) -> tuple[nn.Conv2d, nn.Conv2d, nn.Conv2d, dict[str, Tensor]]:
        torch.manual_seed(0)
        networks = [nn.Conv2d(3, 4, 3, bias=False).to(memory_format=torch.channels_last) for _ in range(3)]
        everywhere, here, nowhere = networks
        everywhere.weight.grad = torch.empty_like(everywhere.weight).copy_(torch.arange(108.0).view(4, 3, 3, 3))
        if processes.index == 1:
            here.weight.grad = torch.ones_like(here.weight)
        numbers = processes.add_up([network.weight for network in networks], {"loss": torch.tensor(0.25)})
        return everywhere, here, nowhere, numbers

    for everywhere, here, nowhere, numbers in together(summed):
        assert torch.equal(everywhere.weight.grad, 2 * torch.arange(108.0).view(4, 3, 3, 3))
        assert torch.equal(here.weight.grad, torch.ones(4, 3, 3, 3))
        assert everywhere.weight.grad.stride() == here.weight.grad.stride() == everywhere.weight.stride()
        assert nowhere.weight.grad is None
        assert numbers == {"loss": torch.tensor(0.5)}


def test_the_sum_goes_through_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fetalflex.compute.processes._BUCKET", 10)

    def summed(processes: Processes) -> list[Tensor]:
        parameters = [nn.Parameter(torch.zeros(size)) for size in (4, 5, 30, 1, 1)]
        for number, parameter in enumerate(parameters):
            parameter.grad = torch.full_like(parameter, number + processes.index)
        processes.add_up(parameters, {"loss": torch.tensor(1.0)})
        return [parameter.grad for parameter in parameters]

    for gradients in together(summed):
        for number, gradient in enumerate(gradients):
            assert torch.equal(gradient, torch.full_like(gradient, 2 * number + 1))


@pytest.mark.parametrize(("accumulation", "batch", "count"), [(1, 8, 2), (2, 8, 2), (4, 5, 3), (2, 3, 3), (1, 1, 1)])
def test_parts_are_divided_without_gap_and_none_goes_without(accumulation: int, batch: int, count: int) -> None:
    shares = [Processes(index, count).parts(accumulation, batch) for index in range(count)]
    (total,) = {total for _, total in shares}
    assert [part for own, _ in shares for part in own] == list(range(total))
    assert all(1 <= len(own) <= accumulation for own, _ in shares)


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    Processes(0, 3).check_batch(12, 2)
    with pytest.raises(FetalFlexError, match=r"batch_size 8 .* among 3 processes with accumulation 2; .*multiple of 6"):
        Processes(0, 3).check_batch(8, 2)


@pytest.mark.parametrize("name", ["cuda:0", "mps", "abacus"])
def test_several_processes_take_no_device_by_its_number(name: str) -> None:
    with pytest.raises(FetalFlexError, match=f"device '{name}': with several processes, choose auto, cpu or cuda"):
        Processes(0, 2).take_device(name)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(FetalFlexError, match="there are 2 GPUs on this machine and more processes"):
        Processes(2, 4, local_index=2).take_device("auto")


def test_a_process_by_itself_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "ACCELERATE_USE_CPU"):
        monkeypatch.delenv(name, raising=False)
    with joined() as processes:
        assert (processes.index, processes.count, processes.main) == (0, 1, True)
        assert processes.agree(True, 2.5) == (True, 2.5)
        assert processes.parts(3, 8) == (range(3), 3)
        processes.check_same("anything", "x")
        processes.wait()


@pytest.mark.parametrize("cpu", ["True", "False"])
def test_a_launch_that_starts_one_process_in_the_place_of_several_is_refused(
    monkeypatch: pytest.MonkeyPatch, cpu: str
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("ACCELERATE_USE_CPU", cpu)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")  # set by accelerate if --num_processes is above 1
    with pytest.raises(FetalFlexError, match=r"started one; give it --multi_gpu, on the CPU too"), joined():
        pass


JOIN = """
import atexit, pathlib, torch
torch.set_num_threads(1)
from fetalflex.compute.processes import joined

def runners():
    return sum("gloo_runloop" in thread.read_text() for thread in pathlib.Path("/proc/self/task").glob("*/comm"))

with joined() as processes:
    print(processes.index, processes.count, processes.agree(processes.index == 1, 5.0 + processes.index), flush=True)
    alone = runners() / 2  # half of them are those of torch's default group, which has sent nothing
    atexit.register(lambda: print("ended" if runners() == alone else "left running"))
    if processes.index == 1:
        raise ValueError("bad data")
    processes.wait()
"""


def test_processes_find_each_other_and_one_that_fails_ends_all_with_one_message() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", JOIN],
            env=os.environ | place | {"RANK": str(index)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    (said, quiet), (said_too, error) = (process.communicate(timeout=120) for process in started)
    assert [process.returncode for process in started] == [1, 1]
    assert (said, said_too) == ("0 2 (True, 5.0)\nended\n", "1 2 (True, 5.0)\nended\n")
    assert error.splitlines()[-1].endswith("ValueError: bad data")
    assert quiet.splitlines()[-1].endswith("OtherProcessFailed: process 1 failed, and says why")
