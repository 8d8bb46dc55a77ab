"""The daemon's web that the other programs ask: a house, and a visitor to its real HTTP server."""

from tests.web.conftest import house, visitor

__all__ = ["house", "visitor"]
