export { murmur3 } from './murmur3.ts'
export { formatPartitionValue, partitionLabel, partitionPath } from './partition-path.ts'
export { applyTransform, canTransform, hashValue, preservesOrder } from './transform.ts'
