"""Files of romtool: case and load files, datasets, models, results, fields for viewers."""
