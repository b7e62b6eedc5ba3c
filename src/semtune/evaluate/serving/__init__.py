"""Serving: the metric of what is served, stage by stage, and calibrated score thresholds."""
