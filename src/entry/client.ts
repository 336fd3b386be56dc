/**
 * What `import { MusterClient } from 'musterd/client'` gives: the client's public names, and nothing of the server.
 */
export { MusterClient } from '../client/client.ts'
export { ApiError, ClientError } from '../client/errors.ts'
