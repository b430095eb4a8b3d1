"""Topics `<topic>.parked`: records that a consumer could not read or settle, whole, under their own key.

The value is the record's bytes, untouched. Everything else is in the headers named here, so that a replay can
put back exactly what was there. A frame whose bytes the client library cannot hand out has an empty value.
"""

FROM = "parked_from"
"""`<topic>/<partition>/<offset>`: the identity of what was parked; parking twice is parking once."""
GROUP = "parked_group"
"""The consumer group that could not go on with it."""
REASON = "parked_reason"
"""A stable code: unreadable_headers, missing_ce_type, foreign_source, unknown_type, unfit_body, gap, by_operator …"""
DETAIL = "parked_detail"
"""One line for people, an operator's for `by_operator`; never the record's own words."""
HEADERS = "parked_headers"
"""JSON list of [name, base64 of the value or null] pairs: the record's own headers, in order."""
SETTLED_GROUP = "parked"
"""The consumer group whose committed offset in a parked topic says up to where everything was put back or settled."""
