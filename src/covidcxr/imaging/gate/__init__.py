"""The input gate: is this a frontal chest radiograph that a network may judge?"""
