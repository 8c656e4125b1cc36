"""Outlook: the forecast of the days ahead, and previews of plans and flows. Nothing is written."""
