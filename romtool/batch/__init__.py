"""Batch jobs: the text of scripts for Slurm, built from typed settings; nothing here opens a file but the site's."""
