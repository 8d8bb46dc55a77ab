"""What people and scripts call: each command reads its options, composes, prints, and ends with an exit code."""
