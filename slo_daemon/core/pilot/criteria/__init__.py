"""The criterion language: what must hold before a rollout widens, and what ends it, as one typed sentence each.

Three-valued: a criterion is true, false or unknown, with a named reason. What unknown means is decided by the role.
"""
