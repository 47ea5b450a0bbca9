// The reference of the start-up: a bare script that loads the binding and runs one statement.
import { DuckDBInstance } from '@duckdb/node-api'

const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
const reader = await connection.runAndReadAll('select 1')
console.log(JSON.stringify(reader.getRows()))
