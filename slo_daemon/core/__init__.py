"""Pure values and decisions: no input, output, clock, log or randomness. Time is an argument."""
