"""Array types whose annotations name every axis.

`Float[Array, "*batch queries d_head"]` is checked by jaxtyping where it is installed
(the tests); where it is not (the reader's browser) the same text costs nothing.
"""

from typing import TYPE_CHECKING, Annotated

from numpy import ndarray as Array  # noqa: N812  (the word the field uses in annotations)

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
else:
    try:
        from jaxtyping import Bool, Float, Int
    except ImportError:
        Bool = Float = Int = Annotated

__all__ = ["Array", "Bool", "Float", "Int"]
