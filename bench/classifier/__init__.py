"""Can unmarked generated clips be told from filmed ones without a downloaded network? Measured, not shipped."""
