/**
 * Every key has one history: what an event says was there before was there, and a quorum read sees what the log says.
 *
 * A model of its own: the values of each file after each entry, made from events alone.
 */
import { ErrorCode } from '../../../src/api.ts'
import type { CompareAndDeleteCommand, CompareAndSwapCommand } from '../../../src/store/command.ts'
import type { Event } from '../../../src/store/event.ts'
import type { NodeView } from '../../../src/store/node.ts'
import type { Outcome } from '../../../src/store/outcome.ts'
import type { Applied, Checker, QuorumRead } from '../checker.ts'
import { wrong } from '../failure.ts'

interface Version {
  readonly appliedIndex: number
  /** Undefined: the key is not there. */
  readonly node: NodeView | undefined
}

export class KeysChecker implements Checker {
  readonly name = 'keys'
  readonly #versions = new Map<string, Version[]>()

  applied({ entry, command, outcome, events, first }: Applied): void {
    // Bookkeeping of the cluster, as the list of members and the index are: it makes no event, and names nothing that was there.
    if (!first || command?.kind === 'putMember' || command?.kind === 'advanceIndex') return
    if (command !== undefined && 'prevValue' in command && outcome !== undefined)
      this.#checkComparison(command, outcome)
    for (const event of events) this.#change(event, entry.index)
    if (outcome?.ok === true && outcome.event.refresh) this.#change(outcome.event, entry.index)
  }

  read({ member, store, path }: QuorumRead): void {
    const found = store.tree.find(path)
    if (found?.dir === true) return
    const wanted = this.#at(path, store.appliedIndex)
    if (found?.value !== wanted?.value || found?.modifiedIndex !== wanted?.modifiedIndex) {
      throw wrong(
        `${member.name} reads ${path}=${found?.value} (${found?.modifiedIndex}) at ${store.appliedIndex}; the log says ${wanted?.value} (${wanted?.modifiedIndex})`,
      )
    }
  }

  /** A swap or a deletion on condition has one winner: who named what was there (K4 and K8). */
  #checkComparison(command: CompareAndSwapCommand | CompareAndDeleteCommand, outcome: Outcome): void {
    const before = this.#versions.get(command.path)?.at(-1)?.node
    const indexHolds = command.prevIndex === 0 || command.prevIndex === before?.modifiedIndex
    const valueHolds = command.prevValue === '' || command.prevValue === before?.value
    const isRefused = !outcome.ok && outcome.code === ErrorCode.compareFailed
    if (before === undefined ? outcome.ok : isRefused === (indexHolds && valueHolds)) {
      throw wrong(
        `${command.kind} of ${command.path} ${outcome.ok ? 'took place' : 'was refused'} against the comparison`,
      )
    }
  }

  #change(event: Event, appliedIndex: number): void {
    const { node, prevNode, action } = event
    const before = this.#versions.get(node.key)?.at(-1)?.node
    if (
      prevNode?.dir !== true &&
      (before?.modifiedIndex !== prevNode?.modifiedIndex || before?.value !== prevNode?.value)
    ) {
      throw wrong(
        `event ${event.index} (${action} ${node.key}) says that ${prevNode?.value} (${prevNode?.modifiedIndex}) was there before; it was ${before?.value} (${before?.modifiedIndex})`,
      )
    }
    const removes = action === 'delete' || action === 'compareAndDelete' || action === 'expire'
    if (!removes && !node.dir) this.#push(node.key, { appliedIndex, node })
    if (removes && before !== undefined) this.#push(node.key, { appliedIndex, node: undefined })
    if (!removes || !node.dir) return
    for (const [key, versions] of this.#versions) {
      if (key.startsWith(`${node.key}/`) && versions.at(-1)?.node !== undefined) {
        versions.push({ appliedIndex, node: undefined })
      }
    }
  }

  #push(key: string, version: Version): void {
    const versions = this.#versions.get(key)
    if (versions === undefined) this.#versions.set(key, [version])
    else versions.push(version)
  }

  #at(key: string, appliedIndex: number): NodeView | undefined {
    return this.#versions.get(key)?.findLast((version) => version.appliedIndex <= appliedIndex)?.node
  }
}
