from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fetalflex.compute.ahead import computed_ahead


@pytest.mark.parametrize("count", [1, 3, 100])
def test_results_come_in_order_and_never_too_many_wait(count: int) -> None:
    started, guard = [0], threading.Lock()

    def square(number: int) -> int:
        with guard:
            started[0] += 1
        return number**2

    with ThreadPoolExecutor(4) as pool:
        for used, result in enumerate(computed_ahead(pool, square, range(20), count)):
            assert result == used**2
            assert started[0] <= used + 1 + count
    assert started == [20]


def test_an_error_comes_in_the_place_of_its_result() -> None:
    with ThreadPoolExecutor(2) as pool:
        results = computed_ahead(pool, lambda number: 1 // number, [1, 0, 1], 2)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)
