"""A REST catalog over PyIceberg's SqlCatalog, as much of it as a writer needs: rest_catalog.py FOLDER NAME:TYPE,… TRANSFORM(COLUMN)

Prints its port, and serves until its standard input ends."""

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
from pyiceberg.catalog.rest import CommitTableRequest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
from pyiceberg.transforms import parse_transform

folder = sys.argv[1]
catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/catalog.sqlite", warehouse=f"file://{folder}/warehouse")
lock = threading.Lock()


def described(table):
    return {"metadata-location": table.metadata_location, "metadata": json.loads(table.metadata.model_dump_json()), "config": {}}


def answer(method, path, body):
    if path == "config":
        return {"defaults": {}, "overrides": {}}
    if path == "namespaces":
        return {"namespaces": [list(name) for name in catalog.list_namespaces()]}
    found = re.fullmatch(r"namespaces/([^/]+)(?:/tables(?:/([^/]+))?)?", path)
    if path == "transactions/commit":
        for change in json.loads(body)["table-changes"]:
            commit(change)
        return None
    if found is None:
        raise LookupError(path)
    namespace, name = found.groups()
    if name is None:
        if "/tables" in path:
            return {"identifiers": [{"namespace": [n[0]], "name": n[1]} for n in catalog.list_tables(namespace)]}
        return {"namespace": [namespace], "properties": catalog.load_namespace_properties(namespace)}
    if method == "POST":
        return commit(json.loads(body), (namespace, name))
    return described(catalog.load_table((namespace, name)))


def commit(request, identifier=None):
    if identifier is not None:
        request["identifier"] = {"namespace": [identifier[0]], "name": identifier[1]}
    parsed = CommitTableRequest.model_validate(request)
    target = (*parsed.identifier.namespace.root, parsed.identifier.name)
    table = catalog.load_table(target)
    done = catalog.commit_table(table, parsed.requirements, parsed.updates)
    return {"metadata-location": done.metadata_location, "metadata": json.loads(done.metadata.model_dump_json())}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = self.path.split("?")[0].removeprefix("/v1/").strip("/")
        try:
            with lock:
                result, status = answer(self.command, path, body), 200
        except (NoSuchTableError, NoSuchNamespaceError, LookupError) as error:
            result, status = {"error": {"message": str(error), "type": type(error).__name__, "code": 404}}, 404
        except Exception as error:
            print(f"{self.command} {path}: {error!r}", file=sys.stderr)
            result, status = {"error": {"message": str(error), "type": type(error).__name__, "code": 500}}, 500
        text = b"" if result is None or self.command == "HEAD" else json.dumps(result).encode()
        self.send_response(204 if result is None else status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_HEAD = do_POST = serve

    def log_message(self, *_):
        pass


catalog.create_namespace("bench")
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
columns = [column.split(":") for column in sys.argv[2].split(",")]
types = {"long": pa.int64(), "double": pa.float64(), "string": pa.string(), "date": pa.date32()}
table = catalog.create_table("bench.imported", schema=pa.schema([(name, types[kind]) for name, kind in columns]))
transform, source = re.fullmatch(r"(\w+)\((\w+)\)", sys.argv[3]).groups()
with table.update_spec() as update:
    update.add_field(source, parse_transform(transform), f"{source}_{transform}")
print(server.server_address[1], flush=True)
sys.stdin.read()
