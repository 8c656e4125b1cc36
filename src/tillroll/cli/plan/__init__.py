"""`tillroll plan`: what a run would do, on the terminal, as JSON or as one HTML file."""
