"""Gives every test the outside programs that this project is held against; servers/ starts them."""

pytest_plugins = ["servers.fixtures"]
