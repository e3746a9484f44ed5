"""Lung fields of a frontal chest radiograph, and what is derived from them."""
