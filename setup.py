"""What pyproject.toml cannot say: all packages of src/, and one more that stands beside it."""

from setuptools import find_namespace_packages, setup

setup(packages=[*find_namespace_packages("src"), "llmdeep.kernels"])
