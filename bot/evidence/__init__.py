"""What the monitoring system says: bounded, timed out, and never a reason for the rest to fail."""
