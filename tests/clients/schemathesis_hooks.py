"""Registers the media types that schemathesis does not know. Their bodies are sent as texts, unchanged."""

import schemathesis


@schemathesis.serializer("text/csv", "application/x-ndjson")
def text(ctx, value):
    return str(value).encode()
