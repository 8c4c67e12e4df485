"""The control plane's own commands."""
