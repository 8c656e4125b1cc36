"""The tests mirror the packages of `src/tillroll`; docs/design.md section 13 says how they are written."""
