export { murmur3 } from './murmur3.ts'
export { formatPartitionValue, partitionPath } from './partition-path.ts'
export { applyTransform, canTransform, hashValue, preservesOrder } from './transform.ts'
