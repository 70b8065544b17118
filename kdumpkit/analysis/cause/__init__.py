"""Why a kernel died: rules from words, stacks and structures to a sentence that says how sure it is."""

from kdumpkit.analysis.cause.cause import Cause, Confidence, Evidence, NextStep, Origin
from kdumpkit.analysis.cause.find import find_cause
from kdumpkit.analysis.cause.scene import Scene

__all__ = ["Cause", "Confidence", "Evidence", "NextStep", "Origin", "Scene", "find_cause"]
