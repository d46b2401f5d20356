"""Jobs: choose files, skip finished ones, write and record results, resume."""
