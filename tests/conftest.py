"""Gives every test the outside programs that this project is held against; servers/ starts them.

No property has to hold within a time, and each is tried on the same examples every day; the long run tries others.
"""

import os

from hypothesis import settings

pytest_plugins = ["servers.fixtures"]

settings.register_profile("untimed", deadline=None, derandomize="FHIRTRIAL_LONG" not in os.environ)
settings.load_profile("untimed")
