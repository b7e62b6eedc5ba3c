"""Evaluate: is the tuned model better on held-out data, by how much, and may it be shipped?"""
