"""Any OpenAI-compatible vision-language model as a model of the core, and as a summarizer."""
