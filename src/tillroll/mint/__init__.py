"""Mint: unique codes come alive in the store, exactly once, against an API that promises no such thing.

Reserve, push, poll, look up, reconcile: each step is one transaction before or after one call, so a process may die between
any two. These are the points where that matters, by name. Each stands at the edge of a function of this room: *before* it is
called or *after* it has returned. Whoever holds the store's lane next finds in the ledger what to do.

- *begun*: after `begin.begin`. The run is `minting`: it follows its frozen plan.
- *drawn*: after `draw.draw_codes`. Nothing of the piece is written: it is drawn anew, and nobody ever knew of the first ones.
- *reserved*: after `reserve.reserve`. The codes and how far the audience is done are written: it goes on behind them.
- *handed out*: after `hand_out.hand_out`. Codes of a pool have their owners: it goes on with those that have none.
- *intended*: after `push.intend`. The chunk and its key are written, nothing was sent: it is posted.
- *posted, answer lost*: before `push.posted`. The store has the batch and nobody has its ticket: posted again under the same
  key, it answers the first ticket; once the key is too old, each code is looked up.
- *posted*: after `push.posted`. The ticket is written: it is asked after.
- *one by one, begun*: before `push.make_one`. The chunk says that its calls have begun: its open codes are looked up.
- *one by one, made*: after `push.make_one`. The store has the coupon and nobody wrote it down: as above.
- *one by one, settled*: before `push.close`. Every answer is written but not that the chunk is done: as above, with none open.
- *asked*: before `settle.settle`. The store told its answers and they aren't written: it is asked again.
- *settled*: after `settle.settle`. Answers and the chunk's state are one transaction: it goes on with the next.
- *given up*: after `lookup.give_up`. The chunk is `lost` with a time to look it up: its codes are looked up.
- *looked up*: before `lookup.write_found`. What was found isn't written: it is looked up again.
- *found*: after `lookup.look_up_lost`. A piece is written: the rest is looked up, what isn't in the store is posted anew.
- *explained*: before `finish.finish`. Every code is explained and the run still says `minting`: it is looked at once more.
- *finished*: after `finish.finish`. The run is on its way to its messages.
- *compared*: before `reconcile.write_compared`. What the store has otherwise isn't written: it is compared again.

Changes to codes that are in the store (pause, extend …) are errands, with the points of `chunks/` and of `changes/gather.py`.
"""
