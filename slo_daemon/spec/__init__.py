"""The operator's texts, read strictly: YAML -> core values, or ALL problems at once with file, line and column.

Read in this order: problems, nodes, yaml_text (text -> positioned nodes), leaves and spans (one scalar -> one value),
slo_shape and pilot_shape (the keys, and the JSON Schema), slos, budgets and pilots (what must fit together, and the core
values), load.
"""

from slo_daemon.spec.load import Loaded, load
from slo_daemon.spec.problems import Problem, Severity, SpecError, render

__all__ = ["Loaded", "Problem", "Severity", "SpecError", "load", "render"]
