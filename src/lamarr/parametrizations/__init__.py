"""The detector's responses: what conditions each, what it yields; and the shipped, trained sets."""
