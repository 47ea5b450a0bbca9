"""The reference of small commits: PyIceberg's table.append of 100 rows, each its own commit. append.py FOLDER COMMITS"""

import json
import os
import sys
import time

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

folder, commits = sys.argv[1], int(sys.argv[2])
os.makedirs(folder, exist_ok=True)
catalog = SqlCatalog("icebox", uri=f"sqlite:///{folder}/catalog.sqlite", warehouse=f"file://{folder}/warehouse")
catalog.create_namespace("bench")
schema = pa.schema([("id", pa.int64()), ("name", pa.string()), ("amount", pa.float64())])
table = catalog.create_table("bench.events", schema=schema)

times_ms = []
for commit in range(commits):
    first = commit * 100
    rows = pa.table(
        {
            "id": pa.array(range(first, first + 100), pa.int64()),
            "name": [f"event {row}" for row in range(first, first + 100)],
            "amount": [row / 7 for row in range(first, first + 100)],
        },
        schema=schema,
    )
    start = time.perf_counter()
    table.append(rows)
    times_ms.append((time.perf_counter() - start) * 1000)
print(json.dumps({"timesMs": times_ms}))
