"""The limits of campaigns that are watched while their codes work: kept as rows, and the figures that they bound."""
