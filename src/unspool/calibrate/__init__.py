"""Measures models on generated tasks: `unspool calibrate`."""

from unspool.calibrate.calibration import Outcome, Plan, calibrate

__all__ = ["Outcome", "Plan", "calibrate"]
