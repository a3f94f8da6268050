"""Training a small language model, `llmdeep train`: text in, model out. It needs torch."""
