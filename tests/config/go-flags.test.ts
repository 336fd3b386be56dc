/** Flags in Go's forms come out in one form. */
import { describe, expect, test } from 'vitest'
import { type FlagArity, reduceGoFlags } from '../../src/config/go-flags.ts'

const ARITIES: Readonly<Record<string, FlagArity>> = { name: 'value', 'data-dir': 'value', debug: 'switch' }

function reduce(...argv: string[]) {
  return reduceGoFlags(argv, (flag) => ARITIES[flag] ?? 'unknown')
}

describe('reduceGoFlags', () => {
  test.each([[['-name', 'x']], [['--name', 'x']], [['-name=x']], [['--name=x']]])('%j is --name=x', (argv) => {
    expect(reduce(...argv)).toEqual({ words: ['--name=x'], stray: undefined, problem: undefined })
  })

  test('a value may look like a flag, hold equal signs or be empty', () => {
    expect(reduce('-name', '-debug').words).toEqual(['--name=-debug'])
    expect(reduce('--name=a=b', '-data-dir=').words).toEqual(['--name=a=b', '--data-dir='])
    expect(reduce('--name', '').words).toEqual(['--name='])
  })

  test('a switch never takes the next word', () => {
    expect(reduce('-debug', 'x')).toEqual({ words: ['--debug=true'], stray: 'x', problem: undefined })
    expect(reduce('--debug=F', '-name=x').words).toEqual(['--debug=false', '--name=x'])
    expect(reduce('--debug=maybe').problem).toBe('invalid boolean value "maybe" for --debug')
  })

  test('words end at the first that is no flag, or after two dashes', () => {
    expect(reduce('-name=x', 'extra', '-debug')).toEqual({ words: ['--name=x'], stray: 'extra', problem: undefined })
    expect(reduce('--', '-debug')).toEqual({ words: [], stray: '-debug', problem: undefined })
    expect(reduce('-name=x', '--')).toEqual({ words: ['--name=x'], stray: undefined, problem: undefined })
    expect(reduce('-').stray).toBe('-')
  })

  test('a flag without its value, or of bad form, is a problem', () => {
    expect(reduce('--name').problem).toBe('flag needs an argument: --name')
    expect(reduce('---name').problem).toBe('bad flag syntax: ---name')
    expect(reduce('-=x').problem).toBe('bad flag syntax: -=x')
  })

  test('an unknown flag ends the reading and is handed on without its value', () => {
    expect(reduce('-nane=x', '-debug')).toEqual({ words: ['--nane'], stray: undefined, problem: undefined })
  })
})
