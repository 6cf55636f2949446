"""Chaos: processes are killed while they run jobs, then every job is accounted for."""
