import { describe, expect, it } from 'vitest'
import {
  baseName,
  isBelow,
  joinUri,
  localPath,
  normalizeLocation,
  parentUri,
  sameLocation,
  schemeOf,
} from '../../src/storage/index.ts'

describe('locations', () => {
  it.each([
    ['file:///data/x', '/data/x'],
    ['file:/data/x', '/data/x'],
    ['/data/x', '/data/x'],
    ['file://localhost/data/x', '/data/x'],
    ['FILE:///data/x', '/data/x'],
    ['file:///a%20b/c d', '/a%20b/c d'],
  ])('reads the path of %s without decoding it', (uri, path) => {
    expect(localPath(uri)).toBe(path)
  })

  it.each(['s3://b/k', 'file://host/x', 'relative', 'file:x', 'file:///a\0b', ''])(
    'refuses %j as a local path',
    (uri) => {
      expect(() => localPath(uri)).toThrow(expect.objectContaining({ code: 'storage/unsupported' }))
    },
  )

  it.each([
    ['/x', 'file'],
    ['file:/x', 'file'],
    ['s3a://b/k', 's3'],
    ['s3n://b/k', 's3'],
    ['S3://b/k', 's3'],
    ['memory:///x', 'memory'],
  ])('names the scheme of %s', (uri, scheme) => {
    expect(schemeOf(uri)).toBe(scheme)
  })

  it('takes the spellings of one place as the same, and no others', () => {
    for (const other of ['file:/data/t', '/data/t', '/data/t/', 'file:///data//t', 'file://localhost/data/t']) {
      expect(sameLocation('file:///data/t', other)).toBe(true)
    }
    expect(sameLocation('s3://b/k', 's3a://b/k')).toBe(true)
    expect(sameLocation('memory:///a/b', 'memory:/a/b')).toBe(true)
    expect(sameLocation('/data/t', '/data/T')).toBe(false)
    expect(sameLocation('/data/a%20b', '/data/a b')).toBe(false)
    expect(sameLocation('s3://b/k', 's3://c/k')).toBe(false)
    expect(sameLocation('s3://b//k', 's3://b/k')).toBe(false) // two keys in S3
    expect(normalizeLocation('/')).toBe('/')
  })

  it('joins with one slash', () => {
    expect(joinUri('file:///w/', 'ns', '/t')).toBe('file:///w/ns/t')
    expect(joinUri('/', 'x')).toBe('/x')
    expect(joinUri('s3://b', 'k')).toBe('s3://b/k')
  })

  it('goes up one segment and stops at the root', () => {
    expect(parentUri('file:///w/ns/t')).toBe('file:///w/ns')
    expect(parentUri('file:///w/ns/')).toBe('file:///w')
    expect(parentUri('file:///w')).toBe('file:///')
    expect(parentUri('file:/w/x')).toBe('file:/w')
    expect(parentUri('/w')).toBe('/')
    expect(parentUri('/')).toBe('/')
    expect(parentUri('s3://b/k/l')).toBe('s3://b/k')
    expect(parentUri('s3://b/k')).toBe('s3://b/')
    expect(baseName('file:///w/ns/t')).toBe('t')
    expect(baseName('/w/')).toBe('w')
  })

  it('knows what lies below a folder by segment', () => {
    expect(isBelow('file:///w/t/data/1', '/w/t')).toBe(true)
    expect(isBelow('/w/t2/1', '/w/t')).toBe(false)
    expect(isBelow('/w/t', '/w/t')).toBe(false)
    expect(isBelow('/w', '/')).toBe(true)
  })
})
