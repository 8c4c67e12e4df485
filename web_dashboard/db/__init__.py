"""The control plane's own tables, beside those of the core's store in the same database."""
