"""Technologies: each module is named after the one it speaks. They do not know each other."""
