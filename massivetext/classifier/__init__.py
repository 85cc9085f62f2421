"""Trains fastText models of two labels from labelled texts, and measures what they tell apart."""
