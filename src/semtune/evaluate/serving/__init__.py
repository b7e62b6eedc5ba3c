"""Serving: the metric of each stage up to what is served, and calibrated score thresholds."""
