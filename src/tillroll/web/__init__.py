"""The web application: pages for people and endpoints for programs.

A view parses a request, calls one function of a stage and shows the result. Decisions and SQL live in the stages.
"""
