/**
 * A program with settings in a file, which reads them again when it gets HUP. It knows nothing of a store.
 */
import { readFileSync } from 'node:fs'

function readSettings() {
  const { greeting, limit } = JSON.parse(readFileSync('settings.json', 'utf8'))
  console.log(`process ${process.pid} has greeting=${greeting} limit=${limit}`)
}

readSettings()
process.on('SIGHUP', readSettings)
// Its work, in place of which it waits.
setInterval(() => {}, 60_000)
