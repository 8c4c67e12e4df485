"""What crosses the control plane's edges: what people and programs send, and what they get."""
