"""Which run posts the next chunk: small runs first, large ones in turn, and none is starved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tillroll.campaign.figures.effort import CHUNK, FEW
from tillroll.mint.fair_share import SMALL_IN_A_ROW, Claim, choose_claim


def claim(run_id: int, planned: int, served: int = 0) -> Claim:
    return Claim(run_id=run_id, planned=planned, served=served)


def chosen(*claims: Claim, room: int = 2, small_in_a_row: int = 0) -> int | None:
    found = choose_claim(claims, room=room, small_in_a_row=small_in_a_row)
    return found.run_id if found else None


def test_a_welcome_code_goes_before_a_million_others() -> None:
    assert chosen(claim(1, 1_000_000, 3), claim(2, 1)) == 2
    assert chosen(claim(1, CHUNK, 0), claim(2, 1)) == 2


def test_single_codes_need_no_room_in_the_queue_and_a_small_run_may_exceed_it_by_one() -> None:
    large, small, few = claim(1, 10_000), claim(2, CHUNK), claim(3, FEW)
    assert chosen(large, small, few, room=-9) == 3
    assert chosen(large, small, room=0) == 2
    assert chosen(large, small, room=-1) is None
    assert chosen(large, room=0) is None


def test_large_runs_take_turns() -> None:
    served = {1: 0, 2: 0, 3: 0}
    order = []
    for chunk in range(1, 10):
        found = chosen(*(claim(run_id, 10_000, at) for run_id, at in served.items()))
        assert found is not None
        served[found] = chunk
        order.append(found)
    assert order == [1, 2, 3] * 3


@given(st.integers(1, 50))
def test_many_small_runs_do_not_starve_a_large_one(rounds: int) -> None:
    in_a_row, large = 0, 0
    for _ in range(rounds * (SMALL_IN_A_ROW + 1)):
        found = chosen(claim(1, 10_000), claim(2, 1), small_in_a_row=in_a_row)
        large += found == 1
        in_a_row = 0 if found == 1 else in_a_row + 1
    assert large == rounds
