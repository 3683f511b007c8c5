"""What Watchkeeper promises, point by point: each module tells one as a story and runs alone."""
