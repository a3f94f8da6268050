"""Prompts and steps that share one machine: how many requests it serves, and how long each waits.

The machine adds a token to each of `batch` texts in a step of `step` seconds. A prompt that arrives
is read between two steps, for `prompt` seconds, and gives its text's first token; n_steps more
follow. Texts that end are replaced at once (continuous batching).

Source:
    Little's law, and the mean wait for a server that takes vacations, here its steps: Fuhrmann and
    Cooper 1985, doi:10.1287/opre.33.5.1117, on top of Pollaczek and Khinchine's for the queue.
"""


def requests_per_second(batch: float, step: float, prompt: float, n_steps: int) -> float:
    """Requests that the machine serves while it holds `batch` texts all the time.

    A request takes its prompt's time, and its share, 1 / batch, of n_steps steps.

    Examples:
        >>> requests_per_second(batch=10, step=0.02, prompt=0.1, n_steps=100)
        3.3333333333333335
    """
    _check(batch, step, prompt, n_steps)
    return batch / (n_steps * step + batch * prompt)


def inter_token_latency(batch: float, step: float, prompt: float, n_steps: int) -> float:
    """Mean seconds between two tokens of a text: a step, and the prompts of others in between.

    Examples:
        >>> inter_token_latency(batch=10, step=0.02, prompt=0.1, n_steps=100)
        0.03
    """
    _check(batch, step, prompt, n_steps)
    return step + batch * prompt / n_steps


def time_to_first_token(rate: float, step: float, prompt: float) -> float:
    """Mean seconds from a request to its first token, if requests come at random (Poisson).

    The rest of the step under way, half of one on average; the prompts queued before; its own.

    Raises:
        ValueError: If the prompts alone would take all the time, rate · prompt ≥ 1.

    Examples:
        >>> round(time_to_first_token(rate=5, step=0.02, prompt=0.1), 4)
        0.16
    """
    busy = rate * prompt
    if not 0 <= busy < 1:
        raise ValueError(f"prompts take {busy:.3g} of the time; it must be below 1")
    return step / 2 + busy * prompt / (2 * (1 - busy)) + prompt


def _check(batch: float, step: float, prompt: float, n_steps: int) -> None:
    if not (batch > 0 and step > 0 and prompt >= 0 and n_steps >= 1):
        raise ValueError("batch, step and n_steps must be above 0, prompt not below")
