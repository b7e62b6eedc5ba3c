"""The verdict: ship, do not ship or cannot judge, and what it rests on."""
