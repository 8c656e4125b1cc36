"""Whether a campaign makes people order: those it wrote to, compared with its control group."""
