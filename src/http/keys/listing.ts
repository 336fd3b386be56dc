/**
 * The answer to a GET of a directory, rendered in slices.
 *
 * Owns: the text of nested nodes, in pieces; giving way to other work, to the socket and to clients that have gone.
 * Leaves to others: which nodes are shown and in which order (`store/listing.ts`), one node's text (json).
 */
import type { ServerResponse } from 'node:http'
import type { Listing } from '../../store/listing.ts'
import { sortListing, takeListing } from '../../store/listing.ts'
import type { Node } from '../../store/node.ts'
import type { HeaderPairs } from '../cors.ts'
import { failRequest } from '../failures.ts'
import { closeIfUnread, LENGTH_BYTES_MAX, send, sendHead } from '../send.ts'
import { closeNode, openTreeNode } from './json.ts'
import type { Slices } from './slices.ts'

/** A directory of so many children is listed in well under a millisecond. */
const SMALL_NODES_MAX = 1000
/** Nodes rendered between two looks at the clock. */
const NODES_PER_LOOK = 64
/** Characters gathered before they are handed to the socket. */
const PIECE_CHARS = 256 * 1024

export interface ListingRequest {
  readonly directory: Node
  readonly recursive: boolean
  readonly sorted: boolean
  /** Also what is hidden. */
  readonly hidden?: boolean
  /** The replicated clock, for remaining ttls. Milliseconds. */
  readonly clockMs: number
  readonly cors: HeaderPairs
  readonly pairs: HeaderPairs
}

/** Whether references to what is listed are taken in next to no time. Others are taken one directory a pass. */
export function isSmallListing(directory: Node, recursive: boolean): boolean {
  const { children } = directory
  if (children === undefined || children.size > SMALL_NODES_MAX) return false
  return !recursive || children.directories === undefined
}

/**
 * Answers with a listing. The references are taken before this returns; so is a first slice of the text when the listing is
 * small. `done` is called once, when nothing is left to do.
 */
export function sendListing(
  response: ServerResponse,
  request: ListingRequest,
  slices: Slices,
  stallMsMax: number,
  done: () => void,
): void {
  const { recursive, hidden = false } = request
  const listing = takeListing(request.directory, { recursive, hidden })
  const render = renderListing(request, listing)
  const isHead = response.req.method === 'HEAD'
  let started = false
  let waiting = false

  const write = (text: string, last: boolean): boolean => {
    if (!started && (last || isHead)) {
      if (last) send(response, 200, request.cors, request.pairs, text, [], stallMsMax)
      else {
        sendHead(response, 200, request.cors, request.pairs)
        response.end()
      }
      started = true
      return true
    }
    if (!started) sendHead(response, 200, request.cors, request.pairs)
    started = true
    const drained = response.write(Buffer.from(text))
    if (last) {
      response.end()
      closeIfUnread(response, stallMsMax)
    }
    return drained
  }

  const work = (pause: () => boolean): boolean => {
    let text = ''
    for (;;) {
      if (response.destroyed) {
        done()
        return true
      }
      const next = render.next()
      if (next.done === true) {
        write(text + next.value, true)
        done()
        return true
      }
      text += next.value
      if (isHead && text.length > LENGTH_BYTES_MAX) {
        write(text, false)
        done()
        return true
      }
      if (text.length < PIECE_CHARS && !pause()) continue
      if (text === '') return false
      if (write(text, false)) return false
      waiting = true
      return true
    }
  }

  /** Goes on once the client has read; one that does not read is let go. */
  const proceed = (): void => {
    if (!waiting) {
      slices.add(run)
      return
    }
    waiting = false
    const timer = setTimeout(() => response.destroy(), stallMsMax)
    const settle = (): void => {
      clearTimeout(timer)
      response.off('drain', settle)
      response.off('close', settle)
      slices.add(run)
    }
    response.on('drain', settle)
    response.on('close', settle)
  }

  const run = (pause: () => boolean): boolean => {
    try {
      const over = work(pause)
      if (over && waiting) proceed()
      return over
    } catch (error) {
      done()
      failRequest(response, error)
      return true
    }
  }

  if (!isSmallListing(request.directory, request.recursive) || !slices.first(work)) slices.add(run)
  else if (waiting) proceed()
}

/** Yields text, and now and then nothing, which only gives way; returns the last of the text. */
function* renderListing(request: ListingRequest, listing: Listing): Generator<string, string, void> {
  if (request.sorted) {
    for (const _ of sortListing(listing)) yield ''
  }
  const { directory, clockMs } = request
  const root = openTreeNode(directory, clockMs)
  let text = `{"action":"get","node":${root}`
  let looks = 0
  const levels: Level[] = []
  let level: Level | undefined = open(directory, listing)
  if (level !== undefined) text += root === '{' ? '"nodes":[' : ',"nodes":['
  while (level !== undefined) {
    const node: Node | undefined = level.listing.nodes[level.at]
    if (node === undefined) {
      text += `]${closeNode(level.node.modifiedIndex, level.node.createdIndex)}`
      level = levels.pop()
      continue
    }
    text += level.at === 0 ? openTreeNode(node, clockMs) : `,${openTreeNode(node, clockMs)}`
    level.at += 1
    const below = level.listing.below?.get(node)
    const deeper = below === undefined ? undefined : open(node, below)
    if (deeper === undefined) text += closeNode(node.modifiedIndex, node.createdIndex)
    else {
      text += ',"nodes":['
      levels.push(level)
      level = deeper
    }
    looks += 1
    if (looks % NODES_PER_LOOK === 0) {
      yield text
      text = ''
    }
  }
  return listing.nodes.length === 0
    ? `${text}${closeNode(directory.modifiedIndex, directory.createdIndex)}}\n`
    : `${text}}\n`
}

interface Level {
  readonly node: Node
  readonly listing: Listing
  at: number
}

function open(node: Node, listing: Listing): Level | undefined {
  return listing.nodes.length === 0 ? undefined : { node, listing, at: 0 }
}
