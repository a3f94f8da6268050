"""What runs the kernels: through Triton's interpreter, through its compiler, and on a GPU.

A kernel file knows nothing of any of these. It says what to launch, on what, and what must come
out (`spec.Kernel`); `interpret` and `run` check that, `compiler` compiles what a launch would
compile, `measure` times it, and `artifact` holds what was measured to what can be true.

torch and Triton are imported where they are used: `llmdeep` works without them.
"""
