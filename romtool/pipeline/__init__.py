"""The stages as a user runs them: the composition root, which opens files and knows the ranks."""
