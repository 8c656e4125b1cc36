"""Views of the database for people who read it with other programs, such as Metabase or Grafana (docs/views.md).

Their names, columns and types are a contract: columns are added at the end, and none is renamed, changed or removed. They hold no
e-mail address, no name and no code in clear.
"""
