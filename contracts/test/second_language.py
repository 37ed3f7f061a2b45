"""Parses and re-prints every frozen example with Google's own Protobuf runtime, from descriptors alone."""

import json
import pathlib
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

contracts = pathlib.Path(__file__).resolve().parent.parent
descriptors = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(sys.argv[1]).read_bytes())
pool = descriptor_pool.DescriptorPool()
for file in descriptors.file:
    pool.Add(file)

count = 0
for example in sorted((contracts / "examples").glob("*/v1/*/*.json")):
    name = ".".join(example.relative_to(contracts / "examples").parts[:3])
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()
    wanted = json.loads(example.read_text())
    json_format.ParseDict(wanted, message)
    again = type(message).FromString(message.SerializeToString())
    if json_format.MessageToDict(again) != wanted:
        sys.exit(f"{name}: {example.name} prints differently in Python")
    count += 1
print(f"{count} examples agree")
