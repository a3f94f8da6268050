"""llmdeep: how transformer language models work, as code one can read, run and change."""

__version__ = "0.1.0"
