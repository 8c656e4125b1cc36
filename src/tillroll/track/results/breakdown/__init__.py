"""What a campaign has brought by arm, language, week and segment."""
