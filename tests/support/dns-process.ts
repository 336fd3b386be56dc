/**
 * The name server as a process, at the port where a machine looks for one: for a network of its own.
 *
 * Words: the zone as JSON.
 */
import { startDns } from './dns-server.ts'

await startDns(JSON.parse(process.argv[2] ?? '{}'), 53)
