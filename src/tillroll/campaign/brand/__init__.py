"""How every e-mail of a shop looks, and what stands at its end: the brand file, its colours and words, and partials."""
