"""The link between a session's process and the control plane: one protocol, wherever the process runs.

The process opens a WebSocket to the control plane and identifies itself by the token of its session. Text frames are
messages (`messages.py`), binary ones pictures and sound (`frames.py`). Either side may vanish and come back: the
process goes on without the control plane, and reconnects.
"""
