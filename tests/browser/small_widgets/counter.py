"""Counts as far as one wants, and shows each number on the way.

Notice: with a large number it goes on for minutes.
"""

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from llmdeep.widgets import ControlError, Metrics, Number, View


def render(
    until: Annotated[int, Number(1, 10**9)] = 3,
    break_at: Annotated[int, Number(0, 10**9)] = 0,
) -> Iterator[list[View]]:
    if until == 13:
        raise ControlError("Not 13, please.")
    for number in range(1, until + 1):
        if number == break_at:
            raise ArithmeticError("it broke")
        np.ones((64, 64)) @ np.ones((64, 64))  # some work
        yield [Metrics(number=number, until=until)]
