"""A CSV file into a table of a REST catalog by DuckDB's iceberg extension: duckdb_iceberg.py PORT FILE MEMORY_LIMIT_BYTES SPILL

The extensions come from wheels and are loaded by path: nothing is downloaded."""

import importlib.util
import json
import os
import sys

import duckdb

port, source, memory_limit, spill = sys.argv[1:5]
connection = duckdb.connect(
    config={
        "memory_limit": f"{memory_limit}B",
        "threads": "2",
        "temp_directory": spill,
        "preserve_insertion_order": "false",
        "allow_unsigned_extensions": "true",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
)
for name in ["avro", "httpfs", "iceberg"]:
    root = os.path.dirname(importlib.util.find_spec("duckdb_extension_" + name).origin)
    connection.execute(f"LOAD '{root}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")
connection.execute(
    f"ATTACH 'bench' AS ice (TYPE ICEBERG, ENDPOINT 'http://127.0.0.1:{port}', AUTHORIZATION_TYPE 'none', ACCESS_DELEGATION_MODE 'none')"
)
try:
    rows = connection.execute(f"INSERT INTO ice.bench.imported FROM read_csv('{source}')").fetchone()[0]
    print(json.dumps({"rows": rows}))
except duckdb.OutOfMemoryException as error:
    print(json.dumps({"error": {"code": "Out of Memory Error", "message": str(error), "context": {}}}))
    sys.exit(3)
