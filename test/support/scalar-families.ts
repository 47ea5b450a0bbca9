import type { ScalarFamilies, ScalarFunction } from '../../src/engine/index.ts'

/** `twice_as_long`: the doubled length of a text; `fails`: throws. */
export function testFunction(name: string): ScalarFunction {
  return {
    name,
    argumentTypes: ['VARCHAR'],
    returnType: 'INTEGER',
    family: { name: 'test', values: [name] },
    call: ([text]) => {
      if (name === 'fails') throw new RangeError('no such bucket')
      return typeof text === 'string' ? text.length * 2 : -1
    },
  }
}

export const TEST_FAMILIES: ScalarFamilies = { test: ([name]) => testFunction(String(name)) }
