"""New load cases that the model learns from."""
