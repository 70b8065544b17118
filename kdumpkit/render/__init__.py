"""Values as tables, figures, widgets and the report."""

from kdumpkit.render.cell import show, show_wait

__all__ = ["show", "show_wait"]
