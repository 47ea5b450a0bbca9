"""The reference of planning: PyIceberg's plan_files of one filter, warm. plan_files.py CATALOG_DB TABLE DAY ID RUNS"""

import json
import sys
import time

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import And, EqualTo

database, name, day, row_id, runs = sys.argv[1:]
catalog = SqlCatalog("icebox", uri=f"sqlite:///{database}")
table = catalog.load_table(name)
row_filter = And(EqualTo("day", int(day)), EqualTo("id", int(row_id)))

WARM_UP = 20

times_ms = []
files = 0
for run in range(-WARM_UP, int(runs)):
    start = time.perf_counter()
    files = len(list(table.scan(row_filter=row_filter).plan_files()))
    if run >= 0:
        times_ms.append((time.perf_counter() - start) * 1000)
print(json.dumps({"files": files, "timesMs": times_ms}))
