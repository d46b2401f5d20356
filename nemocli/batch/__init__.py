"""Many streams in one call: read ahead, advanced together, within the memory there is."""
