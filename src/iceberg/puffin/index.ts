export { decodeDeletionVector, DeletionVector, deletionVectorOf } from './deletion-vector.ts'
export { type PuffinBlob, type PuffinFooter, readPuffinFooter } from './footer.ts'
export { readDeletionVector, type VectorOfFile, writeDeletionVectors, type WrittenVector } from './puffin-file.ts'
