"""Spans leave by OTLP, under the trace the caller brought along, from the call to the commit; the standard variables
say whether, how and under which name."""

import concurrent.futures
import queue

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from test_counter import enroll


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self):
        self.spans = queue.Queue()
        self.resources = queue.Queue()

    def Export(self, request, context):
        for resource in request.resource_spans:
            self.resources.put({pair.key: pair.value.string_value for pair in resource.resource.attributes})
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.put(span)
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def collector(monkeypatch):
    """A collector, which the variables name."""
    collector = Collector()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    yield collector
    server.stop(None)


def test_spans_from_the_call_to_the_commit_under_the_callers_trace(start, collector):
    rung = start()
    trace = "0af7651916cd43dd8448eb211c80319c"
    enroll(rung.client, "m-1", metadata=[("traceparent", f"00-{trace}-b7ad6b7169203331-01")])
    assert rung.stop() == 0
    spans = {}
    while not collector.spans.empty():
        span = collector.spans.get()
        if span.trace_id.hex() == trace:
            spans[span.name] = span
    call = next(span for name, span in spans.items() if "EnrollMember" in name)
    assert call.parent_span_id.hex() == "b7ad6b7169203331"
    assert spans["commit"].parent_span_id == call.span_id
    assert collector.resources.get()["service.name"] == "rung"


@pytest.mark.parametrize(
    "name, value",
    [("OTEL_SERVICE_NAME", "points"), ("OTEL_RESOURCE_ATTRIBUTES", "team=loyalty,service.name=points")],
)
def test_the_service_is_called_what_the_variables_say(start, collector, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    rung = start()
    enroll(rung.client, "m-1")
    assert rung.stop() == 0
    assert collector.resources.get(timeout=5)["service.name"] == "points"


@pytest.mark.parametrize("name, value", [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_no_span_leaves_where_the_variables_say_so(start, collector, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    rung = start()
    enroll(rung.client, "m-1")
    assert rung.stop() == 0
    assert collector.spans.empty()


@pytest.mark.parametrize(
    "name, value",
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ],
)
def test_what_this_build_cannot_send_is_refused_at_the_start(start, collector, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match=f"{name} is `{value}`: this build sends"):
        start()
