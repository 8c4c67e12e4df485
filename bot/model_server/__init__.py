"""Serving the interaction model with vLLM, and looking at how it is served."""
