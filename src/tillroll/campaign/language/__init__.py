"""Language: what a campaign file may say, block by block, as frozen values.

More than 13 modules: one for each file that people write, and for each large block of a campaign.
"""
