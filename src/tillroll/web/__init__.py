"""Web: the pages. They parse a request, call one stage and show the result; nothing is decided here."""
