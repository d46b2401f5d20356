"""What documents are made of: the commands as they are declared, and ways to write them down."""
