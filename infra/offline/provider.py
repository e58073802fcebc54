"""A fake Terraform provider with the schema of the real one. It can validate, but not plan or apply. Terraform talks to
it in version 6 of the plugin protocol (gRPC)."""

import json
from concurrent import futures

import grpc
import msgpack
from wire import decode, field, message

NESTING = {"single": 1, "list": 2, "set": 3, "map": 4, "group": 5}
UNKNOWN = object()  # a value that is known only after apply


# The response to GetProviderSchema

def encode_attribute(name, found):
    flags = ((4, "required"), (5, "optional"), (6, "computed"), (11, "write_only"))
    encoded = b"".join(field(number, found.get(key)) for number, key in flags)
    return field(1, name) + field(2, json.dumps(found["type"])) + encoded


def encode_block(found):
    out = b"".join(message(2, encode_attribute(*item)) for item in sorted(found["attributes"].items()))
    for name, nested in sorted(found["block_types"].items()):
        bounds = field(4, nested["min"]) + field(5, nested["max"])
        inside = message(2, encode_block(nested["block"]))
        out += message(3, field(1, name) + inside + field(3, NESTING[nested["nesting"]]) + bounds)
    return out


def provider_schema(schema):
    out = message(1, message(2, encode_block(schema["provider"])))
    for number, kind in ((2, "resource"), (3, "data"), (8, "ephemeral")):
        for name, block in schema[kind].items():
            out += message(number, field(1, name) + message(2, message(2, encode_block(block))))
    return out


# Validation: errors of the real provider that follow from the schema

def diagnostic(summary, detail, path):
    steps = b"".join(message(1, field(1, step) if isinstance(step, str) else field(3, step)) for step in path)
    return message(1, field(1, 1) + field(2, summary) + field(3, detail) + message(4, steps))


def problems(block, value, path=()):
    for name, found in block["attributes"].items():
        given = value.get(name)
        if given is None or given is UNKNOWN:
            continue
        if not (found.get("optional") or found.get("required")):
            yield diagnostic("Value for unconfigurable attribute", f"Google sets {name}.", [*path, name])
        if isinstance(given, str) and given not in found.get("values", [given]):
            allowed = ", ".join(found["values"])
            yield diagnostic("Not a possible value", f'{name} is "{given}"; allowed: {allowed}.', [*path, name])
    for name, nested in block["block_types"].items():
        given = value.get(name)
        if given is None or given is UNKNOWN:
            continue
        for index, item in enumerate([given] if nested["nesting"] == "single" else given):
            if isinstance(item, dict):
                yield from problems(nested["block"], item, [*path, name] + [index] * (nested["nesting"] == "list"))


def unpack(dynamic_value):
    return msgpack.unpackb(decode(dynamic_value)[1], ext_hook=lambda code, data: UNKNOWN, strict_map_key=False)


def validate(blocks, request):
    request = decode(request)
    return b"".join(problems(blocks[request[1].decode()], unpack(request[2])))


def open_ephemeral(blocks, request, opened):
    """Generates the values of an ephemeral resource, because Terraform's mocks do not cover these. Adds what was asked for
    to `opened`."""
    request = decode(request)
    value = unpack(request[2])
    opened.append((request[1].decode(), dict(value)))
    for name, found in blocks[request[1].decode()]["attributes"].items():
        if found.get("computed") and value.get(name) is None:
            value[name] = {"string": f"made-up-{name}", "number": 0, "bool": False}.get(found["type"])
    return message(3, field(1, msgpack.packb(value)))


class Handlers(grpc.GenericRpcHandler):
    def __init__(self, schema, opened):
        self.answers = {
            "GetProviderSchema": lambda request: provider_schema(schema),
            "ValidateResourceConfig": lambda request: validate(schema["resource"], request),
            "ValidateDataResourceConfig": lambda request: validate(schema["data"], request),
            "ValidateEphemeralResourceConfig": lambda request: validate(schema["ephemeral"], request),
            "OpenEphemeralResource": lambda request: open_ephemeral(schema["ephemeral"], request, opened),
        }
        for name in ("CloseEphemeralResource", "ValidateProviderConfig", "ConfigureProvider", "StopProvider"):
            self.answers[name] = lambda request: b""

    def service(self, details):
        answer = self.answers.get(details.method.rpartition("/")[2])  # for None, gRPC answers UNIMPLEMENTED
        return answer and grpc.unary_unary_rpc_method_handler(lambda request, context: answer(request))


def start(schema, opened):
    """Starts a provider with a schema from schema.py. Returns its server and its address. Appends the (type, arguments) of
    each ephemeral resource that Terraform opens to `opened`."""
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers((Handlers(schema, opened),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"
