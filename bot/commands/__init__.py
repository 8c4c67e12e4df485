"""The participant's own commands."""
