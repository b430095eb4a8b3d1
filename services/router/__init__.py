"""The router owns cases: one case for each problem in the street, one platform at a time, clocks, returns, closing.

Whatever is asked of a case (by a report, a platform, the centre, a clock) becomes a command; `decide` answers with
events or a refusal, and `act` writes history, row, outbox and timers in one transaction. Pure files decide, edges
(`consumers`, `http_*`, `rounds`) only make commands, `ledger*` holds all SQL.
"""
