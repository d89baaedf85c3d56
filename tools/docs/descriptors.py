"""Messages, enumerations and comments of proto files, from the descriptors that protoc makes of them.

Debian's python3-protobuf is no dependency for one page of documentation: of the wire format (descriptor.proto) this
reads the few fields that it needs.
"""

import dataclasses
import os
import subprocess
import tempfile

_REPEATED = 3
# FieldDescriptorProto.Type; 11 and 14 are messages and enumerations, which have names of their own.
_SCALARS = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 8: "bool", 9: "string", 12: "bytes",
            13: "uint32"}


@dataclasses.dataclass(frozen=True)
class Field:
    """`type` is a scalar's name, or the short name of a message or enumeration, and then `named` is set. `choice` is
    the name of the oneof that the field belongs to, or empty."""
    name: str
    type: str
    named: bool
    repeated: bool
    choice: str
    comment: str


@dataclasses.dataclass(frozen=True)
class Value:
    """A value of an enumeration."""
    name: str
    comment: str


@dataclasses.dataclass(frozen=True)
class Message:
    """A message with its fields, or an enumeration with its values; the other list is empty."""
    name: str
    comment: str
    fields: tuple
    values: tuple


def read(proto_path, file):
    """All messages and enumerations of `file`, in the order of the file, each before what is nested in it."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "descriptors")
        source = os.path.join(proto_path, file)
        subprocess.run(["protoc", "--proto_path=" + proto_path, "--include_source_info",
                        "--descriptor_set_out=" + output, source], check=True)
        with open(output, "rb") as made:
            return decode(made.read())


def decode(descriptor_set):
    """The same of the octets of a FileDescriptorSet with one file and its source info."""
    file = _parts(_parts(descriptor_set)[1][0])
    comments = {}
    for location in _parts(file[9][0]).get(1, ()):
        parts = _parts(location)
        if 3 in parts:
            comments[tuple(_packed(parts[1][0]) if 1 in parts else ())] = _paragraph(parts[3][0].decode())
    found = []
    for index, message in enumerate(file.get(4, ())):
        found += _message(message, (4, index), comments)
    for index, enumeration in enumerate(file.get(5, ())):
        found.append(_enumeration(enumeration, (5, index), comments))
    return found


def _message(octets, path, comments):
    parts = _parts(octets)
    choices = [_parts(choice)[1][0].decode() for choice in parts.get(8, ())]
    fields = tuple(_field(field, choices, comments.get(path + (2, index), ""))
                   for index, field in enumerate(parts.get(2, ())))
    found = [Message(parts[1][0].decode(), comments.get(path, ""), fields, ())]
    for index, nested in enumerate(parts.get(3, ())):
        found += _message(nested, path + (3, index), comments)
    for index, nested in enumerate(parts.get(4, ())):
        found.append(_enumeration(nested, path + (4, index), comments))
    return found


def _field(octets, choices, comment):
    parts = _parts(octets)
    kind = parts[5][0]
    named = 6 in parts
    # `optional` of proto3 is a oneof of one, and no choice.
    choice = choices[parts[9][0]] if 9 in parts and 17 not in parts else ""
    return Field(name=parts[1][0].decode(), type=parts[6][0].decode().split(".")[-1] if named else _SCALARS[kind],
                 named=named, repeated=parts[4][0] == _REPEATED, choice=choice, comment=comment)


def _enumeration(octets, path, comments):
    parts = _parts(octets)
    values = tuple(Value(_parts(value)[1][0].decode(), comments.get(path + (2, index), ""))
                   for index, value in enumerate(parts.get(2, ())))
    return Message(parts[1][0].decode(), comments.get(path, ""), (), values)


def _paragraph(comment):
    return " ".join(comment.split())


def _packed(octets):
    at = 0
    while at < len(octets):
        value, at = _varint(octets, at)
        yield value


def _varint(octets, at):
    value = shift = 0
    while True:
        octet = octets[at]
        at += 1
        value |= (octet & 0x7F) << shift
        shift += 7
        if octet < 0x80:
            return value, at


def _parts(octets):
    """Number of field -> list of its values: integers, or octets of what has a length."""
    parts, at = {}, 0
    while at < len(octets):
        tag, at = _varint(octets, at)
        if tag & 7 == 0:
            value, at = _varint(octets, at)
        elif tag & 7 == 2:
            length, at = _varint(octets, at)
            value = octets[at:at + length]
            at += length
        else:
            raise ValueError("descriptor.proto has no field of wire type %d" % (tag & 7))
        parts.setdefault(tag >> 3, []).append(value)
    return parts
