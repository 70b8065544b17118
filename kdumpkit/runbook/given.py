"""The parameters that a notebook's cells have set, told from everything else that its kernel holds."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from kdumpkit.parameters import FIELDS, check_parameters

# names that IPython puts beside the user's own
_IPYTHON_NAMES = frozenset({"In", "Out", "exit", "quit", "open", "get_ipython"})


def given_parameters(stage: str, namespace: Mapping[str, object]) -> dict[str, object]:
    """The parameters among a notebook's variables that differ from their defaults.

    Raises ParameterError for a variable that is no parameter or has a wrong value.
    """
    left_over = _left_over(namespace)
    values = {
        name: value
        for name, value in namespace.items()
        if (value is None or isinstance(value, str | int | float | list | dict))
        and not name.startswith("_")
        and name not in _IPYTHON_NAMES
        and name not in left_over
    }
    check_parameters(values, f"{stage}, parameters cell")
    return {name: value for name, value in values.items() if value != FIELDS[name].default}


def _left_over(namespace: Mapping[str, object]) -> set[str]:
    # A name that was mistyped stays in the kernel after the parameters cell was mended and run again. Whatever is no
    # parameter and was last set before the newest run of a whole parameters cell is such a name.
    inputs = namespace.get("In")
    if not isinstance(inputs, list):
        return set()
    before: set[str] = set()
    since: set[str] = set()
    for source in inputs:
        names = _assigned_names(str(source))
        if set(FIELDS) <= names:
            before |= since
            since = names
        else:
            since |= names
    return before - since - set(FIELDS)


def _assigned_names(source: str) -> set[str]:
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return set()
    targets = [t for s in statements if isinstance(s, ast.Assign) for t in s.targets]
    targets += [s.target for s in statements if isinstance(s, ast.AnnAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}
