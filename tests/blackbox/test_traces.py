"""Spans leave by OTLP, under the trace the caller brought along, from the call to the commit."""

import concurrent.futures
import queue

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from test_counter import enroll


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self):
        self.spans = queue.Queue()

    def Export(self, request, context):
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.put(span)
        return trace_service_pb2.ExportTraceServiceResponse()


def test_spans_from_the_call_to_the_commit_under_the_callers_trace(start, monkeypatch):
    collector = Collector()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    rung = start()
    trace = "0af7651916cd43dd8448eb211c80319c"
    enroll(rung.client, "m-1", metadata=[("traceparent", f"00-{trace}-b7ad6b7169203331-01")])
    assert rung.stop() == 0
    spans = {}
    while not collector.spans.empty():
        span = collector.spans.get()
        if span.trace_id.hex() == trace:
            spans[span.name] = span
    server.stop(None)
    call = next(span for name, span in spans.items() if "EnrollMember" in name)
    assert call.parent_span_id.hex() == "b7ad6b7169203331"
    assert spans["commit"].parent_span_id == call.span_id
