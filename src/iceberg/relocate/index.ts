export { type MovedLocation, movedLocation } from './moved-location.ts'
export { type RelocatedTable, relocateTable } from './relocate-table.ts'
