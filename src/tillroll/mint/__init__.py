"""Mint: create unique codes in the store, each exactly once, although the store's API does not guarantee that.

Minting reserves, pushes, polls, looks up and reconciles. Each step is one transaction before or after one call, so a process
may be killed between any two. The points where that matters have names. Each point is *before* or *after* a function of this
room. The next holder of the store's lock finds in the ledger what to do.

- *begun*: after `issue.begin.begin`. The run is `minting`: it follows its frozen plan.
- *drawn*: after `draw.draw_codes`. Nothing is recorded: draw again. Nobody has seen the first codes.
- *reserved*: after `issue.reserve.reserve`. Codes and the progress through the audience are recorded: continue behind them.
- *handed out*: after `pools.hand_out.hand_out`. Codes of a pool have their recipients: continue with those who have none.
- *intended*: after `issue.push.intend`. The chunk and its key are recorded, nothing was sent: post it.
- *posted, answer lost*: before `issue.push.record_ticket`. The store has the batch and nobody has its ticket: post again with
  the same key, and the store answers with the first ticket. Once the key is too old, look each code up.
- *posted*: after `issue.push.record_ticket`. The ticket is recorded: ask for the result.
- *one by one, begun*: before `issue.push.make_one`. The chunk says that its calls have begun: look its open codes up.
- *one by one, made*: after `issue.push.make_one`. The store has the coupon, the ledger has no answer: as above.
- *one by one, settled*: before `issue.push.close_chunk`. Every answer is recorded, the chunk is open: as above; no code is open.
- *asked*: before `issue.settle.settle`. The store has answered, nothing is recorded: ask again.
- *settled*: after `issue.settle.settle`. Answers and the chunk's state are one transaction: continue with the next chunk.
- *given up*: after `issue.lookup.give_up`. The chunk is `lost` and has a time for its look-up: look its codes up.
- *looked up*: before `issue.lookup.record_found`. The result is not recorded: look up again.
- *found*: after `issue.lookup.look_up`. One piece is recorded: look the rest up, and post again what the store lacks.
- *explained*: before `issue.finish.finish`. Every code has an outcome and the run is still `minting`: check once more.
- *finished*: after `issue.finish.finish`. The run is on its way to sending.
- *compared*: before `reconcile.by_code.write_corrections`. The differences are not recorded: compare again.

Changes to codes that are in the store (pause, extend …) are batch jobs, with the crash points of `batches/` and of
`changes/gather.py`.
"""
