"""Loading, augmentation, losses, schedules, fit."""
