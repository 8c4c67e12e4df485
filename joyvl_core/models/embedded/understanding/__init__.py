"""What people ask, read into wishes: grammar first, then meaning, never a guess passed off as certainty."""

from joyvl_core.models.embedded.understanding.embedder import SentenceEmbedder
from joyvl_core.models.embedded.understanding.reading import Understanding

__all__ = ["SentenceEmbedder", "Understanding"]
