"""The endpoints of the store's API.

More than 13 modules: one for each page of the vendor's documentation, so that an endpoint is found by its page's name.
"""
