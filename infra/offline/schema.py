"""Extracts the schema of a Terraform provider from the Python package with its cdktn bindings. The generated JavaScript
in the package shows for each attribute its type and whether it is computed, optional, required, write-only or a block.
Comments in the type declarations list the possible values.

A schema is {"version", "provider": BLOCK, "resource" | "data" | "ephemeral": {type: BLOCK}}, a BLOCK
{"attributes": {name: {"type", flags…}}, "block_types": {name: {"nesting", "min", "max", "block": BLOCK}}}."""

import importlib.metadata
import re
import typing
import tarfile

KINDS = {"Resource": "resource", "DataSource": "data", "EphemeralResource": "ephemeral"}
SCALARS = {"String": "string", "Boolean": "bool", "Number": "number"}
TYPES = SCALARS | {"List": ["list", "string"], "NumberList": ["list", "number"], "AnyMap": ["map", "string"]}
TYPES |= {f"{name}Map": ["map", type_] for name, type_ in SCALARS.items()}
STORAGE = {"string": "string", "boolean": "bool", "number": "number", "stringList": ["list", "string"],
           "stringMap": ["map", "string"]}

SOURCE = re.compile(r"package/lib/([^/]+)/(?:index|index-structs/structs\d+)\.(js|d\.ts)")
TOP = re.compile(r"class (\w+) extends cdkt[nf]\.Terraform(Resource|DataSource|EphemeralResource|Provider) ")
CLASS = re.compile(r"^class (\w+) extends cdkt[nf]\.\w+ \{\n(.*?)^\}", re.M | re.S)
# One attribute or block of a class, up to the next one.
MEMBER = re.compile(
    r"^    // ([a-z0-9_]+) - computed: (\w+), optional: (\w+), required: (\w+)\n"
    r"(.*?)(?=^    // [a-z0-9_]+ - computed:|\Z)", re.M | re.S)
# The object of a member: its class, and whether it is a set.
NESTED = re.compile(r"^    _\w+ = new (?:\w+\.)?(\w+)\(this, \"\w+\"(?:, (true|false))?\)", re.M)
GETTER = re.compile(r"this\.get(\w+?)Attribute\(['\"]\w+['\"]\)")
WRITE_ONLY = re.compile(r"^            (\w+): this\.markWriteOnlyAttribute", re.M)
# The HCL form of a member: (name, whether it is a block, its collection, its type).
TO_HCL = re.compile(
    r"^ +([a-z0-9_]+): \{\n +value: [^\n]*\n +isBlock: (\w+),\n\s+type: \"(\w+)\",\n\s+storageClassType: \"([^\"]+)\"",
    re.M | re.S)
TO_HCL_OF_STRUCT = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)^\}", re.M | re.S)
TO_HCL_OF_TOP = re.compile(r"^    synthesizeHclAttributes\(\) \{\n(.*?)^    \}", re.M | re.S)
INTERFACE = re.compile(r"^export interface (\w+)[^{]*\{\n(.*?)^\}", re.M | re.S)
DOCUMENTED = re.compile(
    r"/\*\*((?:(?!\*/).)*?)\{@link [^ ]*?#\w+ \w+#(\w+)\}(?:(?!\*/).)*?\*/\s+readonly \w+\??: ", re.S)
POSSIBLE = re.compile(r'Possible values: \[((?:"[^"]*",? ?)+)\]')


def read(package, wanted):
    """The schema in `package`, limited to the types in `wanted`: (kind, name) pairs."""
    (archive,) = (file for file in importlib.metadata.files(package) if file.name.endswith(".jsii.tgz"))
    schema: dict[str, typing.Any] = {"version": None, "provider": None, "resource": {}, "data": {}, "ephemeral": {}}
    for text, declarations in sources(archive.locate()):
        top = TOP.search(text)
        if not top:
            continue
        kind = KINDS.get(top[2], "provider")
        name = re.search(r'static tfResourceType = "(\w+)"', text)[1]
        if kind == "provider":
            schema[kind] = {"attributes": provider_attributes(text), "block_types": {}}
        elif (kind, name) in wanted:
            schema["version"] = re.search(r"providerVersion: '([^']+)'", text)[1]
            schema[kind][name] = Module(text, declarations).block(top[1], hcl(TO_HCL_OF_TOP.search(text)))
    return schema


def sources(path):
    """The code and the declarations of each type, joined if they are in several files."""
    texts = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if place := SOURCE.fullmatch(member.name):
                by_extension = texts.setdefault(place[1], {"js": "", "d.ts": ""})
                by_extension[place[2]] += archive.extractfile(member).read().decode()
    return [(text["js"], text["d.ts"]) for text in texts.values()]


def hcl(found):
    return {name: rest for name, *rest in TO_HCL.findall(found[found.lastindex])} if found else {}


def provider_attributes(text):
    written = hcl(TO_HCL_OF_TOP.search(text)).items()
    return {name: {"type": STORAGE[storage], "optional": True} for name, (is_block, _, storage) in written
            if is_block == "false"}


def possible_values(declarations):
    """The possible values in the documentation, by structure and attribute."""
    found = {}
    for structure, body in INTERFACE.findall(declarations):
        for text, attribute in DOCUMENTED.findall(body):
            if listed := POSSIBLE.search(" ".join(text.replace("*", " ").split())):
                found[structure.removesuffix("Config"), attribute] = re.findall(r'"([^"]*)"', listed[1])
    return found


class Module:
    """The classes of one resource, data source or ephemeral resource."""

    def __init__(self, text, declarations):
        self.values = possible_values(declarations)
        self.classes = dict(CLASS.findall(text))
        self.hcl = {found[1][0].upper() + found[1][1:]: hcl(found) for found in TO_HCL_OF_STRUCT.finditer(text)}

    def block(self, name, written):
        body = self.classes[name]
        write_only = WRITE_ONLY.findall(body)
        attributes, blocks = {}, {}
        for member, computed, optional, required, code in MEMBER.findall(body):
            flags = {"computed": computed == "true", "optional": optional == "true", "required": required == "true"}
            flags = {flag: True for flag in flags if flags[flag]}
            if values := self.values.get((name.removesuffix("OutputReference").removesuffix("Config"), member)):
                flags["values"] = values
            if member in write_only:
                flags["write_only"] = True
            is_block, collection, _ = written.get(member, ("false", "", ""))
            nested = NESTED.search(code)
            if not nested or nested[1] in TYPES or nested[1].removesuffix("List") in TYPES:
                attributes[member] = {"type": simple_type(code, nested, collection)} | flags
                continue
            many = nested[1].endswith("List")
            structure = nested[1].removesuffix("List" if many else "OutputReference")
            inside = self.block(f"{structure}OutputReference", self.hcl.get(structure, {}))
            if is_block == "true":
                nesting = "single" if collection == "struct" else collection
                counted = nesting != "single"
                blocks[member] = {"nesting": nesting, "min": int("required" in flags and counted),
                                  "max": int(counted and not many), "block": inside}
            else:
                of = "set" if nested[2] == "true" else "list"
                attributes[member] = {"type": [of, object_type(inside)] if many else object_type(inside)} | flags
        return {"attributes": attributes, "block_types": blocks}


def simple_type(code, nested, collection):
    if nested:
        many = nested[1].endswith("MapList")
        return ["list", TYPES[nested[1].removesuffix("List")]] if many else TYPES[nested[1]]
    getter = GETTER.search(code)
    if not getter:
        return "dynamic"
    found = TYPES[getter[1]]
    return ["set", found[1]] if "Fn.tolist" in code or collection == "set" else found


def object_type(block):
    fields = {name: found["type"] for name, found in block["attributes"].items()}
    fields |= {name: ["list", object_type(found["block"])] for name, found in block["block_types"].items()}
    return ["object", fields]
