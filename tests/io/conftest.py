from tests.storage.conftest import folder, own_settings, store

__all__ = ["folder", "own_settings", "store"]
