"""The pages' templates, compiled once a process for all its apps."""

from __future__ import annotations

from types import CodeType

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class CompiledTemplates(BytecodeCache):
    """Keeps compiled templates in memory, each by its name and the digest of its source."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._kept[bucket.key, bucket.checksum] = bucket.code


_SHARED = CompiledTemplates()  # every app has the same filters and the same settings of Jinja


def set_up(app: Flask) -> None:
    """Let an app take the templates that another one has compiled."""
    app.jinja_env.bytecode_cache = _SHARED
