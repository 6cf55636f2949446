"""Limits of channels, never exceeded and made use of, under kills and edits."""
