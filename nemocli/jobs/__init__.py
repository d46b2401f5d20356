"""A file is a job: which are meant, what is done already, written whole, recorded, gone on with."""
