/**
 * The answer to a GET of a directory, rendered in slices.
 *
 * Owns: the text of nested nodes, in pieces. Leaves to others: which nodes are shown and in which order (`store/listing.ts`), one
 * node's text (json), sending the pieces (pieces).
 */
import type { ServerResponse } from 'node:http'
import type { Listing } from '../../store/listing.ts'
import { sortListing, takeListing } from '../../store/listing.ts'
import type { Node } from '../../store/node.ts'
import type { HeaderPairs } from '../cors.ts'
import { closeNode, openTreeNode } from './json.ts'
import { type Pieces, sendPieces } from './pieces.ts'
import type { Slices } from './slices.ts'

/** A directory of so many children is listed in well under a millisecond. */
const SMALL_NODES_MAX = 1000
/** Nodes rendered between two looks at the clock. */
const NODES_PER_LOOK = 64

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
  const { recursive, hidden = false, directory, cors, pairs } = request
  const listing = takeListing(directory, { recursive, hidden })
  const isSmall = isSmallListing(directory, recursive)
  sendPieces(response, renderListing(request, listing), { cors, pairs, slices, stallMsMax, isSmall }, done)
}

function* renderListing(request: ListingRequest, listing: Listing): Pieces {
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
