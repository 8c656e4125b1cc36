"""The reference of the language as Markdown, written from the same models that check the files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tillroll.campaign.folder.schema import KINDS, Schema, schema_of
from tillroll.campaign.folder.templates import VARIABLES
from tillroll.campaign.folder.uses import BROUGHT, OF_THE_OFFER

_TITLES = {
    "campaign": "A campaign: `campaigns/NAME.yaml`",
    "segment": "A segment: `rules/segments/NAME.yaml`",
    "codes": "A code format: `rules/codes/NAME.yaml`",
    "guardrails": "The guardrails: `rules/guardrails.yaml`",
    "calendar": "The calendar: `rules/calendar.yaml`",
}
_FORMS = (  # how a pattern of the schema is told to people
    ("ago", "how long ago, like `90d ago`"),
    ("[mhdw]", "a length of time, like `30m`, `6h`, `14d` or `2w`"),
    ("[smh]", "a rate, like `50/s`"),
    ("%", "a share, like `10%`"),
    ("[ T]", "a date and time by the wall clock, like `2026-11-27 09:00`"),
    ("[0-9]{4}-[0-9]{2}", "a day, like `2026-12-25`"),
    ("[01]", "a stretch of the day, like `21:00-08:00`"),
    ("[A-Z]{3}", "an amount, like `20` or `EUR 20`"),
    ("[a-z0-9][a-z0-9-]", "a name"),
)
_EMAILS = """## An e-mail: `templates/NAME/`

A folder holds `message.mjml.j2` ([MJML](https://mjml.io)) or `message.html.j2`, and `message.txt.j2` if you like:
[Jinja](https://jinja.palletsprojects.com) templates. They and every subject may use what follows; `| money` writes an amount and
`| date` a day in the store's currency, zone and language.
"""
_HEAD = """# The language, key by key

This page is written by `tillroll schema --reference` from the models that check your files. The same models make the JSON Schema
in [`schema/`](../schema/), so an editor with YAML support completes keys and underlines mistakes while you type: the first
line of a campaign, `# yaml-language-server: $schema=../schema/campaign.json`, tells it where to look.

Units are written as people write them: `14d`, `10%`, `21:00-08:00`, `90d ago`, `EUR 20`. A key that is not listed here is
refused, with the nearest one that is.
"""


def reference() -> str:
    """The whole page."""
    parts = [_HEAD]
    told: set[str] = set()
    for kind in KINDS:
        parts.append(f"## {_TITLES[kind]}\n")
        schema = schema_of(kind)
        blocks: Schema = schema.get("$defs", {})
        root = blocks["Campaign"] if kind == "campaign" else schema
        parts += _block(root, blocks, title="")
        for name in _reachable(root, blocks):
            if name not in told:
                told.add(name)
                parts += _block(blocks[name], blocks, title=name)
    parts += _variables()
    return "\n".join(parts).rstrip() + "\n"


def _variables() -> Iterator[str]:
    """What e-mails and subjects may use."""
    yield _EMAILS
    yield "| variable | is | known |\n|---|---|---|"
    for owner, words in VARIABLES.items():
        known = _known(owner)
        if not words:
            yield f"| `{owner}.…` | what the event said | {known} |"
        for name, meaning in words.items():
            yield f"| `{owner}.{name}` | {meaning.replace('|', chr(92) + '|')} | {known} |"


def _known(owner: str) -> str:
    """In which campaigns a message knows it."""
    if owner in OF_THE_OFFER:
        return "with an `offer:`"
    events = [f"`{event}`" for event, brought in BROUGHT.items() if owner in brought]
    return f"on {', '.join(events)}" if events else "always"


def _block(block: Schema, blocks: Schema, *, title: str) -> Iterator[str]:
    """One block of keys: its name, what it is, and a table."""
    keys = (
        block
        if "properties" in block
        else next((one for one in block.get("anyOf", ()) if "properties" in one), {})
    )
    if title and not keys.get("properties"):
        if "enum" not in block:  # the words of a choice stand where it is used
            yield f'### <a id="{title.lower()}"></a>{title}\n\n{block["description"]} It has no keys.\n'
        return
    if title:
        yield f'### <a id="{title.lower()}"></a>{title}\n'
    yield f"{block.get('description', '')}\n"
    yield "| key | takes | meaning |\n|---|---|---|"
    needed = set(keys.get("required", ()))
    for key, one in keys["properties"].items():
        yield f"| `{key}`{' (needed)' if key in needed else ''} | {_takes(one, blocks)} | {_meaning(one, blocks)} |"
    yield ""


def _takes(one: Schema, blocks: Schema) -> str:
    text = _form(one, blocks)
    default = one.get("default")
    if default not in (None, "", [], {}):
        text += f"; otherwise `{_yaml(default)}`"
    return text.replace("|", "\\|")


def _form(one: Schema, blocks: Schema) -> str:
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2].removesuffix("Part")
        block = blocks[name]
        if "enum" in block:
            return " or ".join(f"`{choice}`" for choice in block["enum"])
        return f"[{name}](#{name.lower()})"
    if "const" in one:
        return f"`{_yaml(one['const'])}`"
    for choice in ("anyOf", "oneOf"):
        if choice in one:
            forms = list(dict.fromkeys(_form(each, blocks) for each in one[choice]))
            amount = any("[A-Z]{3}" in each.get("pattern", "") for each in one[choice])
            return " or ".join(form for form in forms if not (amount and form == "a number"))
    kind = one.get("type")
    if kind == "array":
        return f"a list: {_form(one.get('items', {}), blocks)}"
    if "pattern" in one:
        pattern = one["pattern"]
        if "\\u2028" in pattern:
            return "a line of text"
        return next((words for part, words in _FORMS if part in pattern), "text")
    words = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "`true` or `false`",
        "object": "a block",
    }
    return words.get(str(kind), "text") + _bounds(one)


def _bounds(one: Schema) -> str:
    said = [
        f"{words} {one[key]:g}"
        for key, words in (
            ("minimum", "from"),
            ("exclusiveMinimum", "over"),
            ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        if key in one
    ]
    return f" {' '.join(said)}" if said else ""


def _meaning(one: Schema, blocks: Schema) -> str:
    text = str(one.get("description", ""))
    if not text and "$ref" in one:
        text = str(blocks[one["$ref"].rpartition("/")[2]].get("description", ""))
    examples = [f"`{_yaml(example)}`" for example in one.get("examples", ())]
    shown = f" Like {' or '.join(examples)}." if examples else ""
    return " ".join(f"{text}{shown}".split()).replace("|", "\\|")


def _yaml(value: Any) -> str:
    """A value as it would stand in a file, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(one) for one in value) + "]"
    return str(value)


def _reachable(block: Any, blocks: Schema) -> Iterator[str]:
    """The blocks that one speaks of, in the order in which it does, each followed by its own."""
    seen: set[str] = set()

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, list):
            for one in node:
                yield from walk(one)
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and not name.endswith("Part") and name not in seen:
                seen.add(name)
                yield name
                yield from walk(blocks[name])
            for key, one in node.items():
                if key != "$ref":
                    yield from walk(one)

    yield from walk(block)
