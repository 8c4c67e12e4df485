"""The page of one session: watched, steered and judged while it runs, replayed after."""
