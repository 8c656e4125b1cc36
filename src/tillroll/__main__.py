"""`python -m tillroll` is `tillroll`."""

from tillroll.cli import main

main()
