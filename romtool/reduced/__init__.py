"""The hyper-reduced problem: what calibration and marching share."""
