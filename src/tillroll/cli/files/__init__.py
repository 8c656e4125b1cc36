"""Commands about the campaign files: `check`, `new`, `schema` and `segment`."""
