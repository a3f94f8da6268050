"""The sum of a model's bytes: a folder of several files, one of them large.

Notice: they come together.
"""

from typing import Annotated

import numpy as np

from llmdeep.data_files import path
from llmdeep.widgets import Metrics, Number, View


def render(times: Annotated[int, Number(0, 9)] = 0) -> list[View]:
    if times == 0:
        return [Metrics(sum=0)]
    folder = path("models/parrot")
    total = sum(int(np.frombuffer(file.read_bytes(), np.uint8).sum()) for file in folder.iterdir())
    return [Metrics(sum=times * total)]
