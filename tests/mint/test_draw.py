from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tillroll.campaign.rules import CROCKFORD, CodeFormat
from tillroll.mint.draw import draw_codes, new_key, shuffled

_formats = st.builds(
    CodeFormat,
    title=st.just("f"),
    alphabet=st.sampled_from([CROCKFORD, "ABCDEFGHIJ", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"]),
    length=st.integers(6, 20),
    group=st.sampled_from([None, 3, 4]),
)


@settings(deadline=None)
@given(_formats, st.integers(0, 300), st.sampled_from(["", "BACK"]))
def test_codes_are_different_sorted_and_of_their_format(
    code_format: CodeFormat, count: int, prefix: str
) -> None:
    codes = draw_codes(count, code_format=code_format, prefix=prefix)
    assert len(set(codes)) == count
    assert codes == sorted(codes)
    for code in codes:
        assert code.startswith(prefix)
        symbols = code.removeprefix(prefix).replace("-", "")
        assert len(symbols) == code_format.length
        assert set(symbols) <= set(code_format.alphabet)


def test_no_symbol_is_favoured() -> None:
    code_format = CodeFormat(title="f", alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", length=20)
    counts = Counter("".join(draw_codes(9_000, code_format=code_format, prefix="")))
    expected = 9_000 * 20 / 36
    assert all(abs(count - expected) < 6 * expected**0.5 for count in counts.values())


def test_shuffling_keeps_everybody() -> None:
    ids = list(range(1000))
    assert sorted(shuffled(ids)) == ids
    assert shuffled(ids) != ids


def test_keys_are_fresh() -> None:
    assert len({new_key() for _ in range(100)}) == 100
