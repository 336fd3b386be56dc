/**
 * Clients that ask a web server again and again, each request on a connection of its own, and write down what came of it.
 *
 * Owns: the load and its book. Ends with the test. Asserts nothing.
 */
import { request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'

const REQUEST_MS_MAX = 10_000
/** Between two requests of a client: a machine has only so many ports for connections that are over. */
const REST_MS = 10
/** Sentences about failures that are kept. */
const FAILURES_MAX = 100

export class SteadyLoad {
  readonly failures: string[] = []
  requests = 0
  /** The first words of answers. */
  #answerers = new Set<string>()
  #answers = 0
  readonly #url: string
  #isOver = false

  /** Begins. @param clients that ask at the same time */
  constructor(url: string, clients: number) {
    this.#url = url
    const all = Promise.all(Array.from({ length: clients }, () => this.#ask()))
    onTestFinished(async () => {
      this.#isOver = true
      await all
    })
  }

  /** Who gave the next so many answers that are good, in order. */
  async next(answers: number): Promise<readonly string[]> {
    this.#answerers = new Set()
    this.#answers = 0
    await eventually(`${answers} answers`, () => this.#answers >= answers)
    return [...this.#answerers].sort()
  }

  async #ask(): Promise<void> {
    while (!this.#isOver) {
      const problem = await this.#once()
      this.requests += 1
      if (problem !== undefined && this.failures.length < FAILURES_MAX) this.failures.push(problem)
      await wait(REST_MS)
    }
  }

  #once(): Promise<string | undefined> {
    return new Promise((done) => {
      const asking = request(this.#url, { agent: false, timeout: REQUEST_MS_MAX }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (piece) => {
          text += piece
        })
        response.on('error', (error) => done(error.message))
        response.on('end', () => {
          const [name = ''] = text.split(' ')
          if (response.statusCode !== 200) {
            done(`status ${response.statusCode}`)
            return
          }
          this.#answerers.add(name)
          this.#answers += 1
          done(undefined)
        })
      })
      asking.on('timeout', () => asking.destroy(new Error('no answer in time')))
      asking.on('error', (error) => done(error.message)).end()
    })
  }
}
