"""Teaches schemathesis to send the kinds of bodies that it does not know: texts as they are."""

import schemathesis


@schemathesis.serializer("text/csv", "application/x-ndjson")
def text(ctx, value):
    return str(value).encode()
