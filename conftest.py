"""The package's pytest plugin, for a checkout that is not installed."""

pytest_plugins = ["dirmeta.plugin"]
