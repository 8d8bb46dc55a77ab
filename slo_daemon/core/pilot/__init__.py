"""The judging wing: may the pilot's rollout widen? It stands on the measuring wing, never the other way round."""
