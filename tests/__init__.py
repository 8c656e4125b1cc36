"""The tests mirror the rooms of `src/tillroll`; docs/design.md section 9 says how they are written."""
