"""The control plane's migrations: a branch of their own, beside the core's."""
