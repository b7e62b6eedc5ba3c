"""The verdict: ship, do not ship or cannot judge, and the evidence for it."""
