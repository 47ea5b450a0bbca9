import { createHash } from 'node:crypto'
import type { TableMetadata } from '../../iceberg/index.ts'

/** Idempotency keys of the appends that a snapshot holds, {@link KEY_LENGTH} characters each. */
export const KEYS_PROPERTY = 'icebox.append-keys'
/** A commit is made when so many keys are gathered: each is 22 characters of the snapshot's summary. */
export const MOST_KEYS = 1_000

const DIGEST_LENGTH = 16
const CRC_LENGTH = 6
const KEY_LENGTH = DIGEST_LENGTH + CRC_LENGTH

/** 96 bits of the key's SHA-256, as text: what is kept of a key. */
export function keyDigest(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, DIGEST_LENGTH)
}

/** Keys with the CRC of their rows, for the summary of a snapshot. */
export function printKeys(keys: Iterable<readonly [digest: string, crc: number]>): string {
  return [...keys].map(([digest, crc]) => digest + crcText(crc)).join('')
}

function crcText(crc: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes.toString('base64url')
}

/** So many keys of the newest snapshots are known; older ones are forgotten as if their snapshot had expired. */
const MOST_HELD_KEYS = 100_000

/** The keys that a table's snapshots still hold: digest -> CRC of the rows. */
export function heldKeys(metadata: TableMetadata): Map<string, number> {
  const held = new Map<string, number>()
  for (const { summary } of metadata.snapshots.toReversed()) {
    const text = summary[KEYS_PROPERTY] ?? ''
    for (let at = 0; at + KEY_LENGTH <= text.length; at += KEY_LENGTH) {
      if (held.size >= MOST_HELD_KEYS) return held
      const digest = text.slice(at, at + DIGEST_LENGTH)
      const crc = Buffer.from(text.slice(at + DIGEST_LENGTH, at + KEY_LENGTH), 'base64url')
      if (crc.length === 4) held.set(digest, crc.readUInt32BE())
    }
  }
  return held
}
