"""The web server: gunicorn starts, watches and stops its processes; in each of them waitress reads the requests.

A request gets a thread only when all of it has arrived, so a slow client costs a socket and no thread. What waitress leaves
open is here: time limits for a whole header, body and answer, bounds per address, and error pages with our headers.
"""
