"""HTML templates that come in the package, for files that commands write and for e-mails to people of the shop. We wrote them."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


@cache
def packaged_template(package: str, name: str) -> Template:
    """Return a template of a package's folder `templates`. It escapes all values, and a missing one is an error."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
