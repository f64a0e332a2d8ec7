"""A real server process, and a client that knows nothing but what the server's reflection tells it."""

import os
import pathlib
import signal
import socket
import subprocess

import grpc
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("RUNG_BINARY", ROOT / "target/release/rung"))


class Refused(Exception):
    """A status other than OK, with its details decoded by the names reflection gave."""

    def __init__(self, client, error):
        self.code = error.code()
        self.details = {}
        status = rpc_status.from_call(error)
        for detail in status.details if status else []:
            name = detail.type_url.rsplit("/", 1)[1]
            message = client.message(name)()
            detail.Unpack(message)
            self.details[name] = json_format.MessageToDict(message)
        super().__init__(f"{self.code}: {error.details()} {self.details}")

    @property
    def reason(self):
        return self.details["google.rpc.ErrorInfo"]["reason"]

    @property
    def fields(self):
        return [fault["field"] for fault in self.details["google.rpc.BadRequest"]["fieldViolations"]]


class Client:
    """Calls by name with plain dictionaries, as a till's first integration would."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        grpc.channel_ready_future(self.channel).result(timeout=10)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = DescriptorPool(self.database)

    def message(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def method(self, path):
        service, name = path.split("/")
        return self.pool.FindServiceByName(f"rung.v1.{service}").FindMethodByName(name)

    def plain(self, message):
        return json_format.MessageToDict(message, descriptor_pool=self.pool)

    def prepared(self, path, kind):
        """The call of a method by its kind (`unary_unary` and so on), and the way to write its requests."""
        method = self.method(path)
        invoke = getattr(self.channel, kind)(
            f"/rung.v1.{path}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self.message(method.output_type.full_name).FromString,
        )
        request = self.message(method.input_type.full_name)
        return invoke, lambda fields: json_format.ParseDict(fields, request())

    def call(self, path, timeout=10, metadata=None, compression=None, **fields):
        invoke, written = self.prepared(path, "unary_unary")
        try:
            return self.plain(invoke(written(fields), timeout=timeout, metadata=metadata, compression=compression))
        except grpc.RpcError as error:
            raise Refused(self, error) from None

    def stream_out(self, path, **fields):
        invoke, written = self.prepared(path, "unary_stream")
        return invoke(written(fields))

    def stream_both(self, path, items):
        """The answers as they come; `items` may be made while they do."""
        invoke, written = self.prepared(path, "stream_stream")
        return (self.plain(answer) for answer in invoke(map(written, items)))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One `rung serve` on a folder of its own."""

    def __init__(self, data, *flags):
        self.data = data
        self.operations = f"127.0.0.1:{free_port()}"
        command = [BINARY, "serve", "--data", data, "--listen", "127.0.0.1:0", "--operations", self.operations, *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(line + self.process.stderr.read())
        self.address = line.split()[-1]
        self.client = Client(self.address)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        _, self.log = self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def start(tmp_path):
    running = []

    def starter(*flags, data=tmp_path / "data"):
        running.append(Server(data, *flags))
        return running[-1]

    yield starter
    for server in running:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
