"""Servers do the jobs of a plan while they are killed and limits are edited; then every
job is accounted for. A trial is the work of fleet, blows and verdict together."""
