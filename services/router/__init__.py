"""The router owns cases: one case for each problem in the street, one platform at a time, clocks, returns, closing.

Whatever is asked of a case (by a report, a platform, the centre, a clock) becomes a command; `decide` answers with
events or a refusal (what each party may ask is in `decide_<party>`), `evolve` folds events into the case, and `act`
writes history, row, outbox, timers and accounts in one transaction. Pure files decide, edges (`consumers`, `http_*`,
`rounds*`) only make commands, `ledger*` holds all SQL. `rehearse` and `recount` are commands for operators.
"""
