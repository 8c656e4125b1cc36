"""What this installation's sender has sent: by day, and to each mail domain."""
