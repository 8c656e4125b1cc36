"""Areas: the endpoints of the dossier, a module each."""
