"""Checks of an image's content: kind of picture, view, drawn marks, colour."""
