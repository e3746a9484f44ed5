"""Where a network looked, and whether that can be believed: attribution, lung overlap, faithfulness.

How a bundle predicts is known to ``inference``; nothing here imports it.
"""
