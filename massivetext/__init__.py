"""The open rebuild of MassiveText: builds, verifies and trains on the Gopher family's corpus."""

__version__ = "0.1.0"
