import { expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { Gate } from '../../src/engine/index.ts'
import { besideOthers } from '../../src/ingest/stream/beside-others.ts'

it('what finds no memory beside others is done again when they have left, and nobody comes in meanwhile', async () => {
  const gate = new Gate(2)
  let inside = 0
  const most: number[] = []
  const act = (name: string, fails: boolean) => async () => {
    inside++
    most.push(inside)
    await new Promise((next) => setTimeout(next, 5))
    const others = inside - 1
    inside--
    if (fails && others > 0) throw new IceboxError('memory/exhausted', { message: 'no' })
    return name
  }
  const done = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map((name, at) => besideOthers(gate, act(name, at % 2 === 0))),
  )
  expect(done).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(Math.max(...most)).toBe(2)
  // Everybody has left.
  await gate.enter()
  await gate.enter()
})

it('what finds no memory alone either, and any other error, is told', async () => {
  const gate = new Gate(1)
  const failing = (code: 'memory/exhausted' | 'storage/full', tried: string[]) => async () => {
    tried.push(code)
    throw new IceboxError(code, { message: 'no' })
  }
  const tried: string[] = []
  await expect(besideOthers(gate, failing('memory/exhausted', tried))).rejects.toMatchObject({
    code: 'memory/exhausted',
  })
  await expect(besideOthers(gate, failing('storage/full', tried))).rejects.toMatchObject({ code: 'storage/full' })
  expect(tried).toEqual(['memory/exhausted', 'memory/exhausted', 'storage/full'])
})
