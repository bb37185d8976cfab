"""Known mistakes of each task, most of them made in published code, and what to say about each."""
