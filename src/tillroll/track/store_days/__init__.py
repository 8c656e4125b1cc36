"""What the whole store sold day by day, and whether a day was an odd one."""
