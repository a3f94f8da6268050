"""The GPUs that kernels are compiled for, by compute capability times ten."""

ARCHITECTURES = {80: "A100", 90: "H100, H200", 100: "B200"}
SHARED_LIMIT = {80: 166_912, 90: 232_448, 100: 232_448}  # bytes one program may have
