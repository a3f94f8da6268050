"""Models and accelerators as data with their sources, and any `config.json` as one description.

    from llmdeep.catalog import accelerator, model, read_config

    described = model("Llama 3.1 8B").description
    h100 = accelerator("H100 SXM5")

The figures stand in models.json and accelerators.json beside this file, are read when they are
first asked for, and are checked row by row while they are read.
"""

from llmdeep.catalog.accelerators import Accelerator, accelerator, accelerators
from llmdeep.catalog.config_file import read_config
from llmdeep.catalog.description import (
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    Layer,
    LinearAttention,
    Mixer,
    ModelDescription,
    StateSpace,
    layer_name,
)
from llmdeep.catalog.fields import ConfigError
from llmdeep.catalog.measured_kernels import MeasuredKernel, measured_kernels
from llmdeep.catalog.models import Model, model, models

__all__ = [
    "Accelerator",
    "Attention",
    "ConfigError",
    "Experts",
    "FeedForward",
    "LatentAttention",
    "Layer",
    "LinearAttention",
    "MeasuredKernel",
    "Mixer",
    "Model",
    "ModelDescription",
    "StateSpace",
    "accelerator",
    "accelerators",
    "layer_name",
    "measured_kernels",
    "model",
    "models",
    "read_config",
]
