"""Causal convolution: each position sees a few neighbours, and depth brings in the rest."""

from llmdeep.shapes import Array, Float


def causal_convolution(
    inputs: Float[Array, "*batch positions d_input"],
    kernel: Float[Array, "width d_output d_input"],
    dilation: int = 1,
) -> Float[Array, "*batch positions d_output"]:
    """y_t = Σ_j K_j x_(t - j·dilation), j = 0 … width-1; what lies before the sequence is 0.

    All positions are independent of each other: there is no loop over time.

    Source:
        van den Oord et al. 2016 (WaveNet), arXiv:1609.03499.

    Examples:
        >>> import numpy as np
        >>> causal_convolution(np.arange(1.0, 5.0)[:, None], np.ones((2, 1, 1)), 2).ravel()
        array([1., 2., 4., 6.])
    """
    n = inputs.shape[-2]
    outputs = inputs @ kernel[0].T  # (*batch, n, d_output)
    for j in range(1, len(kernel)):
        offset = min(j * dilation, n)
        outputs[..., offset:, :] += inputs[..., : n - offset, :] @ kernel[j].T
    return outputs


def layers_to_reach(n: int, width: int, dilated: bool = False) -> int:
    """How many causal convolutions stand between position 1 and position n.

    A layer carries a value (width - 1)·dilation positions further. With dilation 1 that is
    ceil((n - 1) / (width - 1)) layers; with dilations 1, width, width², … it is ceil(log_width n).

    Raises:
        ValueError: If `width` is below 2 (nothing would move) or `n` below 1.

    Examples:
        >>> layers_to_reach(64, width=2), layers_to_reach(64, width=2, dilated=True)
        (63, 6)
    """
    if width < 2 or n < 1:
        raise ValueError(f"width must be at least 2 and n at least 1, got {width} and {n}")
    reach, layers = 1, 0
    while reach < n:
        reach += (width - 1) * (width**layers if dilated else 1)
        layers += 1
    return layers
