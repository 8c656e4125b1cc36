"""A PDF of one page with lines of text, as small as a reader accepts."""

from __future__ import annotations

from collections.abc import Sequence

_OBJECTS = (
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>",
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
)


def page(lines: Sequence[str]) -> bytes:
    """Return the document. Letters that its font lacks become question marks."""
    shown = b" ".join(b"(" + _escaped(line) + b") Tj T*" for line in lines)
    text = b"BT /F1 11 Tf 14 TL 50 790 Td " + shown + b" ET"
    stream = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text)
    whole, places = b"%PDF-1.4\n", []
    for number, body in enumerate((*_OBJECTS, stream), start=1):
        places.append(len(whole))
        whole += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(places) + 1
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(whole))
    return whole + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + end


def _escaped(line: str) -> bytes:
    raw = line.encode("cp1252", errors="replace")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
