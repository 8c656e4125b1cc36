"""The client of the store's API. The only room that knows the store's HTTP and JSON.

`client.py` is the entry: one `Client` a store. `endpoints/` has a module for each subject of the API (coupons, orders and so on),
with the types that callers see. `http/` sends the calls: rate limit, retries, time limits, paging, errors.
"""
