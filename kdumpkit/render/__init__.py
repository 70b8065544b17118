"""Values as tables, figures, widgets and the report."""
