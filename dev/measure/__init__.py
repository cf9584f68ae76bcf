"""Measure what operations, deployments and cold starts cost."""
