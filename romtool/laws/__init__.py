"""Material laws as compiled kernels over batches of points."""
