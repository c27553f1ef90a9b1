"""The panel: the dock widget with its header, and the guided tour."""
