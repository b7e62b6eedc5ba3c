"""Spans of OpenTelemetry, where it is installed and an endpoint is named in the environment; otherwise nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from starlette.types import Scope

from semtune.serve.account import Account

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NAMES = {b"traceparent", b"tracestate"}


class RequestSpan(Protocol):
    """The span of one request."""

    def end(self, route: str, status: int, mine: Account) -> None:
        """Write down what became of it."""
        ...


class Tracing(Protocol):
    """Makes the spans of requests."""

    def request(self, scope: Scope) -> contextlib.AbstractContextManager[RequestSpan]:
        """The span of a request, for the length of a block."""
        ...


class NoSpan:
    """Writes nothing."""

    def end(self, route: str, status: int, mine: Account) -> None:
        """Do nothing."""


class NoTracing:
    """Makes no spans."""

    @contextlib.contextmanager
    def request(self, scope: Scope) -> Iterator[RequestSpan]:  # noqa: ARG002 - the protocol's signature
        """A span that writes nothing."""
        yield NoSpan()


class OpenTelemetrySpan:
    """A span by the names of OpenTelemetry's conventions for HTTP; texts and keys are never written."""

    def __init__(self, span: Any, method: str) -> None:
        self._span, self._method = span, method

    def end(self, route: str, status: int, mine: Account) -> None:
        """Name the span by its route, and add what the request has cost."""
        from opentelemetry.trace import Status, StatusCode

        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        self._span.set_attribute("semtune.request_id", mine.id)
        self._span.set_attribute("semtune.model", mine.model)
        self._span.set_attribute("semtune.texts", mine.texts)
        self._span.set_attribute("semtune.queue_ms", round(mine.waited * 1000, 3))
        self._span.set_attribute("semtune.compute_ms", round(mine.computed * 1000, 3))
        for name, seconds in mine.stages.items():
            self._span.set_attribute(f"semtune.stage.{name}_ms", round(seconds * 1000, 3))
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))


class OpenTelemetry:
    """Makes a server span of each request, a child of the caller's where that sends a traceparent."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("semtune")

    @contextlib.contextmanager
    def request(self, scope: Scope) -> Iterator[RequestSpan]:
        """The span of a request, for the length of a block."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in NAMES}
        attributes = {
            "http.request.method": scope["method"],
            "url.scheme": scope.get("scheme", "http"),
            "url.path": scope["path"],
        }
        with self._tracer.start_as_current_span(
            scope["method"],
            context=TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.SERVER,
            attributes=attributes,
        ) as span:
            yield OpenTelemetrySpan(span, scope["method"])


def tracing() -> Tracing:
    """OpenTelemetry where the environment names an endpoint and the extra `otel` is installed; else nothing."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return NoTracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return NoTracing()
    provider = TracerProvider(
        resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "semtune")})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OpenTelemetry(provider)
