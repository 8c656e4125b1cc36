"""Language: what a campaign file may say, block by block, as frozen values."""
