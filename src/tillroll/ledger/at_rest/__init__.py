"""What lies on a disk or in a column: private files, the key file, and sealing everything anew."""
