"""Drawing one of several by a random number, in torch: for references and for inputs."""

from torch import Tensor


def drawn(law: Tensor, uniforms: Tensor) -> Tensor:
    """The first place whose cumulative share of a row passes the row's random number.

    Args:
        law: [rows, n], not negative; need not sum to 1.
        uniforms: [rows], from 0 up to 1.
    """
    cumulative = law.cumsum(dim=-1)
    return (cumulative <= uniforms[:, None] * cumulative[:, -1:]).sum(dim=-1)


def centred(law: Tensor, uniforms: Tensor) -> Tensor:
    """Random numbers that draw the same places from the middle of their shares.

    So that rounding does not decide: of 128,256 shares' edges some are near any number.
    """
    cumulative = law.double().cumsum(dim=-1)
    place = drawn(law.double(), uniforms.double())[:, None]
    middle = cumulative.gather(1, place) - law.double().gather(1, place) / 2
    return (middle / cumulative[:, -1:])[:, 0].to(uniforms.dtype)
