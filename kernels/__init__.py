"""Triton kernels, one file each: what the concepts compute, written for a GPU.

Each file holds the kernel, the function that launches it, inputs of a given size, and `KERNEL`,
which tells the checks and the measurements (`llmdeep.gpu`) everything they need.
"""
