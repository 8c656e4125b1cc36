"""From a template's file to HTML with inlined styles and a readable text: a program that runs in a process of its own.

MJML and CSS are converted by libraries in Rust, which may take for ever, overflow their stack or load what a template names. Here
they do it in a process that has two seconds for each template, half a gigabyte, and no right to open a file or a connection.

It is started with the folder of the libraries, reads a JSON list of `[kind, source, needs text]` and writes a JSON line for each:
`html` and `text`, or `fault`. It imports nothing of Tillroll, so that it starts fast. `convert.py` is its other side.
"""

import json
import re
import resource
import signal
import sys
from collections.abc import Iterator
from html import unescape

SECONDS = 2
MEMORY = 512 * 1024 * 1024
MOST_OUTPUT = 1_000_000  # characters

_JINJA_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_INVISIBLE = re.compile(r"<(style|head|script|title)\b.*?</\1>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"<a\b[^>]*href=\"([^\"]+)\"[^>]*>(.*?)</a>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"</(p|div|tr|h[1-6]|table|li)>|<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")


def main(folder: str) -> None:
    """Answer the requests on the standard input, one line for each."""
    for ignored in (signal.SIGINT, signal.SIGTERM):  # they are for the process that waits for the answers
        signal.signal(ignored, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.path.append(folder)
    requests: list[tuple[str, str, bool]] = json.load(sys.stdin)
    for kind in {kind for kind, _, _ in requests}:  # before files can no longer be opened
        _load(kind)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for kind, source, needs_text in requests:
        _renew_time()
        sys.stdout.write(json.dumps(_answer(kind, source, needs_text)) + "\n")
        sys.stdout.flush()


def _load(kind: str) -> None:
    if kind == "mjml":
        import mjml  # noqa: F401
    else:
        import css_inline  # noqa: F401


def _renew_time() -> None:
    """Give the process two more seconds of a core; after them the system ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + SECONDS, hard))


def _answer(kind: str, source: str, needs_text: bool) -> dict[str, str]:
    try:
        tags, marked = _marked(_COMMENT.sub("", source) if kind == "mjml" else source)
        html = _from_mjml(marked) if kind == "mjml" else _inlined(marked, tags)
        text = _as_text(_COMMENTED_MARK.sub(r"\1", html)) if needs_text else ""
        html, text = _restored(html, tags), _restored(text, tags)
    except Exception as fault:
        return {"fault": f"{fault}"[:500] or type(fault).__name__}
    if max(len(html), len(text)) > MOST_OUTPUT:
        return {"fault": f"its HTML is longer than {MOST_OUTPUT} characters"}
    return {"html": html, "text": text}


def _marked(source: str) -> tuple[list[str], str]:
    """Replace Jinja's tags by words, so that they aren't moved or escaped: `{% if a < 3 %}` would look like HTML."""
    tags: list[str] = []

    def replace(match: re.Match[str]) -> str:
        tags.append(match[0])
        return f"tillroll-mark-{len(tags) - 1}-"

    return tags, _JINJA_TAG.sub(replace, source)


def _restored(text: str, tags: list[str]) -> str:
    return _ANY_MARK.sub(lambda mark: tags[int(mark[1] or mark[2])], text)


def _from_mjml(source: str) -> str:
    from mjml import mjml2html

    return str(mjml2html(source))


def _inlined(source: str, tags: list[str]) -> str:
    """Inline the styles of an HTML template. Rules that can't be inlined stay, like `@media` and `a:hover`."""
    from css_inline import CSSInliner

    inside: set[str] = set()
    for element in _ELEMENT.finditer(source):
        if _MARK.search(_VALUE.sub("", element[0])):
            raise ValueError(f"a tag stands between the attributes of <{element[1]}>; write {_INSTEAD}")
        inside.update(_MARK.findall(element[0]))
    for style in _STYLE.finditer(source):
        marks = _MARK.findall(style[0])
        if any(tags[int(mark)].startswith("{%") for mark in marks):
            raise ValueError("<style> can't hold {% … %}; choose between classes instead")
        inside.update(marks)

    def comment(match: re.Match[str]) -> str:
        is_between = tags[int(match[1])].startswith("{%") and match[1] not in inside
        return (
            f"<!--{match[0]}-->" if is_between else match[0]
        )  # a word between table rows would be moved out

    inliner = CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, remove_inlined_selectors=True)
    return inliner.inline(_MARK.sub(comment, source))


_MARK = re.compile(r"tillroll-mark-([0-9]+)-")
_COMMENTED_MARK = re.compile(r"<!--(tillroll-mark-[0-9]+-)-->")
_ANY_MARK = re.compile(r"<!--tillroll-mark-([0-9]+)--->|tillroll-mark-([0-9]+)-")
_ELEMENT = re.compile(r"<([a-zA-Z][^\s>/]*)(?:\"[^\"]*\"|'[^']*'|[^\"'<>])*>")
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'|=\s*[^\s\"'>]+")
_STYLE = re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE)
_INSTEAD = 'it into a value, like class="{% if … %}a{% endif %}"'


def _as_text(html: str) -> str:
    """Return a readable text part made from the HTML template, with its Jinja tags unchanged."""
    text = _INVISIBLE.sub("", html)
    text = _LINK.sub(r"\2 (\1)", text)
    text = unescape(_TAG.sub("", _BREAK.sub("\n", text)))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_without_spaces(text))).strip()


def _without_spaces(text: str) -> Iterator[str]:
    yield from (" ".join(line.split()) for line in text.splitlines())


if __name__ == "__main__":
    main(sys.argv[1])
