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
        html = _from_mjml(source) if kind == "mjml" else _inlined(source)
        text = _as_text(html) if needs_text else ""
    except Exception as fault:
        return {"fault": f"{fault}"[:500] or type(fault).__name__}
    if max(len(html), len(text)) > MOST_OUTPUT:
        return {"fault": f"its HTML is longer than {MOST_OUTPUT} characters"}
    return {"html": html, "text": text}


def _from_mjml(source: str) -> str:
    from mjml import mjml2html

    return str(mjml2html(_COMMENT.sub("", source)))  # a comment before or after <mjml> is not valid MJML


def _inlined(source: str) -> str:
    """Inline the styles of an HTML template. Jinja's tags are replaced meanwhile, so that they aren't moved or escaped."""
    from css_inline import CSSInliner

    tags: list[str] = []

    def replace(match: re.Match[str]) -> str:
        tags.append(match[0])
        name = f"tillroll-mark-{len(tags) - 1}-"
        return f"<!--{name}-->" if match[0].startswith("{%") else name

    inlined = CSSInliner(load_remote_stylesheets=False).inline(_JINJA_TAG.sub(replace, source))
    return _MARK.sub(lambda mark: tags[int(mark[1] or mark[2])], inlined)


_MARK = re.compile(r"<!--tillroll-mark-([0-9]+)--->|tillroll-mark-([0-9]+)-")


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
