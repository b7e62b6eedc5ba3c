"""Classify: give texts one of several classes, by the classes' names or by examples, or say that none fits."""
